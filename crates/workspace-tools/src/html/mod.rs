//! HTML of outsiders, reduced to what a person would have seen.
//!
//! Not a browser: styles are understood where mail uses them, in `style` attributes and in simple
//! rules. Invariant: neither deep nesting nor size can exhaust the stack or the time.

mod style;

use std::{collections::VecDeque, rc::Rc};

use ammonia::Builder;
use htmd::{
    HtmlToMarkdown, Node,
    options::{BulletListMarker, Options},
};
use html5ever::{
    Attribute,
    serialize::{SerializeOpts, TraversalScope, serialize},
};
use markup5ever_rcdom::{NodeData, SerializableHandle};

use self::style::Sheet;

/// Elements that a reader never sees as text.
const UNSEEN: &[&str] = &[
    "script", "style", "head", "img", "svg", "math", "template", "object", "embed", "iframe",
    "noscript", "canvas", "audio", "video", "title", "select", "datalist",
];

/// Mail nests a few dozen levels; what lies deeper is read as plain text.
const DEEPEST: usize = 120;

/// Beyond this a tree is not even built: the parser's time grows with the square of the depth.
const DEEPEST_PARSED: usize = 3_000;

/// More than any mail a person wrote; the rest is not read.
const LONGEST: usize = 4 << 20;

/// What became of a piece of HTML.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Read {
    /// Markdown.
    pub text: String,
    /// Whether text was left out that a person would not have seen.
    pub hidden: bool,
}

/// What else to leave out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Quotes {
    /// Keep quoted earlier mail.
    Keep,
    /// Leave quoted earlier mail out.
    Drop,
}

/// HTML as Markdown, without what a person would not have seen.
pub(crate) fn to_markdown(html: &str, quotes: Quotes) -> Read {
    let html = bounded(html);
    if nesting(html) > DEEPEST_PARSED {
        return Read {
            text: without_tags(html),
            hidden: false,
        };
    }
    let converter = HtmlToMarkdown::builder()
        .options(Options {
            bullet_list_marker: BulletListMarker::Dash,
            ul_bullet_spacing: 1,
            ol_number_spacing: 1,
            ..Options::default()
        })
        .skip_tags(UNSEEN.to_vec())
        .scripting_enabled(false)
        .build();
    let Ok(tree) = converter.html_to_tree(html) else {
        return Read {
            text: without_tags(html),
            hidden: false,
        };
    };
    let hidden = prune(&tree, quotes);
    Read {
        text: tidy(&converter.tree_to_markdown(&tree)),
        hidden,
    }
}

/// HTML that may be quoted in our own mail: what was visible, without anything active.
pub(crate) fn sanitised(html: &str) -> String {
    let html = bounded(html);
    if nesting(html) > DEEPEST_PARSED {
        return ammonia::clean_text(&without_tags(html));
    }
    let Ok(tree) = HtmlToMarkdown::new().html_to_tree(html) else {
        return ammonia::clean_text(&without_tags(html));
    };
    prune(&tree, Quotes::Keep);
    let mut visible = Vec::new();
    let options = SerializeOpts {
        traversal_scope: TraversalScope::ChildrenOnly(None),
        ..SerializeOpts::default()
    };
    let handle = SerializableHandle::from(tree);
    if serialize(&mut visible, &handle, options).is_err() {
        return String::new();
    }
    // Pictures would tell their owner who reads the reply.
    Builder::default()
        .rm_tags(["img"])
        .clean(&String::from_utf8_lossy(&visible))
        .to_string()
}

/// Plain text as HTML that shows the same.
pub(crate) fn from_text(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    escaped.replace("\r\n", "\n").replace('\n', "<br>\n")
}

/// The characters that `&…;` stand for, as Gmail writes them in snippets.
pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

fn bounded(html: &str) -> &str {
    match html.char_indices().nth(LONGEST) {
        Some((end, _)) => html.get(..end).unwrap_or_default(),
        None => html,
    }
}

/// How deep elements may nest at most, judged by their tags alone.
fn nesting(html: &str) -> usize {
    const CHILDLESS: &[&str] = &[
        "br", "img", "hr", "meta", "link", "input", "area", "col", "wbr", "source", "base", "p",
        "li", "td", "th", "tr", "tbody", "option", "dt", "dd",
    ];
    let (mut depth, mut deepest) = (0_usize, 0);
    for after in html.split('<').skip(1) {
        let closing = after.starts_with('/');
        let name: String = after
            .trim_start_matches('/')
            .chars()
            .take(12)
            .take_while(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if name.is_empty() || CHILDLESS.contains(&name.as_str()) {
            continue;
        }
        depth = if closing {
            depth.saturating_sub(1)
        } else {
            depth + 1
        };
        deepest = deepest.max(depth);
    }
    deepest
}

/// A last resort that never fails: the text between the tags.
fn without_tags(html: &str) -> String {
    let text: Vec<&str> = html
        .split('<')
        .map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text).trim())
        .filter(|text| !text.is_empty())
        .collect();
    unescaped(&text.join(" "))
}

/// Removes comments and everything a person would not see; says whether there was hidden text.
fn prune(tree: &Rc<Node>, quotes: Quotes) -> bool {
    let sheet = Sheet::of(&style_texts(tree));
    let mut hidden = false;
    let mut waiting = VecDeque::from([(tree.clone(), 0, style::Surroundings::default())]);
    while let Some((node, depth, around)) = waiting.pop_front() {
        if depth >= DEEPEST {
            flatten(&node);
            continue;
        }
        node.children
            .borrow_mut()
            .retain(|child| match &child.data {
                NodeData::Comment { .. } | NodeData::ProcessingInstruction { .. } => false,
                NodeData::Element { name, attrs, .. } => {
                    let element = Element {
                        tag: &name.local,
                        attributes: &attrs.borrow(),
                    };
                    if quotes == Quotes::Drop && element.is_quote() {
                        return false;
                    }
                    if let Some(inside) = element.looks(&sheet, &around) {
                        waiting.push_back((child.clone(), depth + 1, inside));
                        true
                    } else {
                        hidden |= has_text(child);
                        false
                    }
                }
                _ => true,
            });
    }
    hidden
}

struct Element<'a> {
    tag: &'a str,
    attributes: &'a [Attribute],
}

impl Element<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| &*attribute.name.local == name)
            .map(|attribute| &*attribute.value)
    }

    /// How it looks to what is inside it; `None` when it cannot be seen.
    fn looks(&self, sheet: &Sheet, around: &style::Surroundings) -> Option<style::Surroundings> {
        if self.get("hidden").is_some() {
            return None;
        }
        let classes: Vec<&str> = self
            .get("class")
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let own = style::Look {
            declarations: self.get("style").unwrap_or_default(),
            background: self.get("bgcolor"),
            color: self.get("color").filter(|_| self.tag == "font"),
            has_picture: self.get("background").is_some(),
        };
        sheet.inside(self.tag, self.get("id"), &classes, &own, around)
    }

    /// Whether mail programs use it for quoted earlier mail.
    fn is_quote(&self) -> bool {
        let class = self.get("class").unwrap_or_default();
        let id = self.get("id").unwrap_or_default();
        class.split_whitespace().any(|class| {
            matches!(
                class,
                "gmail_quote"
                    | "gmail_quote_container"
                    | "gmail_attr"
                    | "yahoo_quoted"
                    | "moz-cite-prefix"
                    | "protonmail_quote"
            )
        }) || matches!(id, "divRplyFwdMsg" | "appendonsend" | "isForwardContent")
            || (self.tag == "blockquote" && self.get("type") == Some("cite"))
    }
}

/// The rules written in the document itself.
fn style_texts(tree: &Rc<Node>) -> String {
    let mut texts = String::new();
    let mut waiting = vec![tree.clone()];
    while let Some(node) = waiting.pop() {
        if let NodeData::Element { name, .. } = &node.data
            && &*name.local == "style"
        {
            texts.push_str(&text_of(&node));
            continue;
        }
        waiting.extend(node.children.borrow().iter().rev().cloned());
    }
    texts
}

fn text_of(node: &Rc<Node>) -> String {
    let mut text = String::new();
    let mut waiting = vec![node.clone()];
    while let Some(node) = waiting.pop() {
        if let NodeData::Text { contents } = &node.data {
            text.push_str(&contents.borrow());
        }
        waiting.extend(node.children.borrow().iter().rev().cloned());
    }
    text
}

fn has_text(node: &Rc<Node>) -> bool {
    text_of(node).chars().any(char::is_alphanumeric)
}

/// Replaces the elements below `node` by their text.
fn flatten(node: &Rc<Node>) {
    let text = text_of(node);
    let mut children = node.children.borrow_mut();
    children.clear();
    children.push(Node::new(NodeData::Text {
        contents: std::cell::RefCell::new(text.into()),
    }));
}

/// No runs of blank lines, no blanks at line ends.
fn tidy(markdown: &str) -> String {
    let mut tidied = String::with_capacity(markdown.len());
    let mut blank = 0;
    for line in markdown.lines() {
        let line = line.trim_end();
        // Layout tables leave rows of bars without a word.
        let empty = line
            .chars()
            .all(|c| matches!(c, ' ' | '|' | '-' | '\u{a0}'))
            && !line.starts_with("---");
        blank = if empty { blank + 1 } else { 0 };
        if blank <= 1 {
            tidied.push_str(if empty { "" } else { line });
            tidied.push('\n');
        }
    }
    tidied.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> String {
        to_markdown(html, Quotes::Keep).text
    }

    #[test]
    fn ordinary_mail_becomes_markdown() {
        let html = "<html><head><title>t</title><style>p{color:red}</style></head><body>\
            <h1>Plan</h1><p>See <a href=\"https://a.example/x\">this</a> &amp; <b>that</b>.</p>\
            <ul><li>one</li><li>two</li></ul><script>alert(1)</script><img src=x alt=leak></body></html>";
        assert_eq!(
            read(html),
            "# Plan\n\nSee [this](https://a.example/x) & **that**.\n\n- one\n- two"
        );
    }

    #[test]
    fn text_nobody_sees_is_left_out() {
        for hidden in [
            "<p style=\"display:none\">secret</p>",
            "<p style='Display : None !important'>secret</p>",
            "<div style=\"visibility: hidden\"><p>secret</p></div>",
            "<span style=\"font-size:0px\">secret</span>",
            "<span style=\"font-size:0\">secret</span>",
            "<span style=\"opacity:0\">secret</span>",
            "<span style=\"opacity:0.0\">secret</span>",
            "<div style=\"max-height:0;overflow:hidden\">secret</div>",
            "<div style=\"height:0px;width:0px;overflow:hidden\">secret</div>",
            "<span style=\"color:#ffffff\">secret</span>",
            "<span style=\"color:white\">secret</span>",
            "<span style=\"color: rgb(255, 255, 255)\">secret</span>",
            "<font color=\"#FFF\">secret</font>",
            "<div style=\"background:#000\"><span style=\"color:black\">secret</span></div>",
            "<table><tr><td bgcolor=\"#336699\"><font color=\"#336699\">secret</font></td></tr></table>",
            "<div style=\"position:absolute;left:-9999px\">secret</div>",
            "<div style=\"text-indent:-9999px\">secret</div>",
            "<div hidden>secret</div>",
            "<div style=\"mso-hide:all\">secret</div>",
            "<style>.x{display:none}</style><p class=\"a x\">secret</p>",
            "<style>#y , b { visibility:hidden }</style><p id=y>secret</p>",
            "<!-- secret -->",
            "<!--[if mso]><p>secret</p><![endif]-->",
            "<img alt=\"secret\" src=x>",
            "<template>secret</template>",
            "<noscript>secret</noscript>",
            "<title>secret</title>",
        ] {
            let html = format!("<div>before {hidden} after</div>");
            let text = read(&html);
            assert!(!text.contains("secret"), "{hidden} gave {text}");
            assert!(
                text.contains("before") && text.contains("after"),
                "{hidden} gave {text}"
            );
        }
    }

    #[test]
    fn text_people_see_stays() {
        for seen in [
            "<p style=\"color:#fff;background:#123456\">words</p>",
            "<div style=\"background-color:navy\"><a style=\"color:white\">words</a></div>",
            "<table background=\"x.png\"><tr><td><font color=white>words</font></td></tr></table>",
            "<p style=\"display:block;opacity:0.9;font-size:10px\">words</p>",
            "<style>@media (max-width:600px){.m{display:none}}</style><p class=m>words</p>",
            "<p style=\"height:0\">words</p>",
        ] {
            assert!(read(seen).contains("words"), "{seen}");
        }
    }

    #[test]
    fn hidden_text_is_reported() {
        assert!(to_markdown("a<p hidden>b</p>", Quotes::Keep).hidden);
        assert!(!to_markdown("a<p hidden> </p>", Quotes::Keep).hidden);
    }

    #[test]
    fn depth_and_size_are_no_weapons() {
        let deep = format!(
            "{}deep words{}",
            "<div>".repeat(2_000),
            "</div>".repeat(2_000)
        );
        assert!(read(&deep).contains("deep words"));
        let bomb = format!("{}words", "<div>".repeat(200_000));
        assert!(read(&bomb).contains("words"));
        let fonts = format!("{}words", "<b><a>".repeat(50_000));
        assert!(read(&fonts).contains("words"));
    }

    #[test]
    fn quotes_can_be_left_out() {
        let html =
            "<p>yes</p><div class=\"gmail_quote\">On Monday <blockquote>old</blockquote></div>";
        assert_eq!(to_markdown(html, Quotes::Drop).text, "yes");
        assert!(read(html).contains("old"));
    }

    #[test]
    fn quoted_html_is_harmless() {
        for hostile in [
            "<script>evil()</script>",
            "<p onclick=evil()>x</p>",
            "<a href=\"javascript:evil()\">x</a>",
            "<img src=\"https://evil.example/p.gif\">",
            "<svg><g onload=evil()></svg>",
            "<math><mtext><table><mglyph><style><img src=x onerror=evil()>",
            "<p style=\"display:none\">evil</p>",
            "\"><script>evil</script>",
        ] {
            let clean = sanitised(hostile);
            assert!(!clean.contains("evil"), "{hostile} gave {clean}");
        }
        assert_eq!(sanitised("<p>a <b>b</b></p>"), "<p>a <b>b</b></p>");
        assert_eq!(from_text("a<b>\n\"&"), "a&lt;b&gt;<br>\n&quot;&amp;");
    }
}
