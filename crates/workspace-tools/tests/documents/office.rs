//! What people write is read as they meant it.

use std::time::Instant;

use workspace_tools::documents::{Extracted, LARGEST_IMAGE};

use crate::samples::{DOCX, PPTX, XLSX, archive, docx, read, relations, sheet, word, words};

#[tokio::test]
async fn a_word_document_is_markdown() {
    let body = "\
        <w:p><w:pPr><w:pStyle w:val=\"Titre1\"/></w:pPr><w:r><w:t>Plan &amp; budget</w:t></w:r></w:p>\
        <w:p><w:r><w:t xml:space=\"preserve\">One </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>two</w:t>\
             <w:tab/><w:t>three&#233;</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>obey me</w:t></w:r>\
             <w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>\
        <w:p/>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"3\"/></w:numPr></w:pPr>\
             <w:r><w:t>first</w:t></w:r></w:p>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"3\"/></w:numPr></w:pPr>\
             <w:r><w:t>second</w:t></w:r></w:p>\
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Item</w:t></w:r></w:p></w:tc>\
             <w:tc><w:p><w:r><w:t>Cost</w:t></w:r></w:p></w:tc></w:tr>\
             <w:tr><w:tc><w:p><w:r><w:t>Tea|cake</w:t></w:r></w:p><w:p><w:r><w:t>green</w:t></w:r></w:p></w:tc>\
             <w:tc><w:p><w:r><w:t>3</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
        <w:p><w:r><w:t>The end</w:t></w:r></w:p>";
    let file = archive(&[
        (
            "_rels/.rels",
            relations(&[("r1", "officeDocument", "/word/document2.xml")]),
        ),
        ("word/document2.xml", word(body)),
        (
            "word/_rels/document2.xml.rels",
            relations(&[
                ("r1", "styles", "styles.xml"),
                ("r2", "footnotes", "footnotes.xml"),
            ]),
        ),
        (
            "word/styles.xml",
            "<styles><style w:styleId=\"Titre1\"><name w:val=\"heading 1\"/></style></styles>"
                .into(),
        ),
        (
            "word/footnotes.xml",
            word("<w:p><w:r><w:t>a note</w:t></w:r></w:p>"),
        ),
    ]);
    let read = words(DOCX, file).await;
    assert_eq!(
        read.text,
        "# Plan & budget\n\nOne two\tthreeé\n\n- first\n  - second\n\n\
         | Item | Cost |\n| --- | --- |\n| Tea\\|cake green | 3 |\n\nThe end\n\n\
         ## Footnotes\n\na note"
    );
    assert_eq!(read.notes, ["Hidden text was left out."]);
    assert!(!read.truncated);
}

#[tokio::test]
async fn text_boxes_and_nested_tables_lose_nothing() {
    let body = "\
        <w:p><w:r><w:t>before</w:t><mc:AlternateContent><mc:Choice><w:txbxContent>\
             <w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></mc:Choice>\
             <mc:Fallback><w:p><w:r><w:t>boxed</w:t></w:r></w:p></mc:Fallback>\
             </mc:AlternateContent></w:r><w:r><w:t> after</w:t></w:r></w:p>\
        <w:tbl><w:tr><w:tc><w:tbl><w:tr><w:tc><w:p><w:r><w:t>in</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
             <w:p><w:r><w:t>out</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";
    let read = words(DOCX, docx(body)).await;
    assert_eq!(read.text, "boxed\n\nbefore after\n\n| in out |\n| --- |");
}

#[tokio::test]
async fn slides_come_in_order_with_their_notes() {
    let slide = |text: &str, more: &str| {
        format!(
            "<p:sld{more} xmlns:p=\"p\" xmlns:a=\"a\"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>"
        )
    };
    let mut parts = vec![
        ("ppt/slides/slide10.xml", slide("ten", "")),
        ("ppt/slides/slide2.xml", slide("two", " show=\"0\"")),
        ("ppt/slides/slide1.xml", slide("one", "")),
        (
            "ppt/slides/_rels/slide10.xml.rels",
            relations(&[("r1", "notesSlide", "../notesSlides/notesSlide1.xml")]),
        ),
        (
            "ppt/notesSlides/notesSlide1.xml",
            slide("say it slowly", ""),
        ),
    ];
    let read = words(PPTX, archive(&parts)).await;
    let natural = "## Slide 1\n\none\n\n## Slide 2 (not shown)\n\ntwo\n\n\
                   ## Slide 3\n\nten\n\nNotes: say it slowly";
    assert_eq!(read.text, natural);
    assert_eq!(read.notes, ["It has 3 slides.", "1 of them are not shown."]);

    // The presentation's own order wins over the names.
    let list = "<p:presentation xmlns:p=\"p\" xmlns:r=\"r\"><p:sldIdLst><p:sldId id=\"256\" r:id=\"r9\"/>\
                <p:sldId id=\"257\" r:id=\"r8\"/></p:sldIdLst></p:presentation>";
    parts.push(("ppt/presentation.xml", list.to_owned()));
    let order = [
        ("r8", "slide", "slides/slide1.xml"),
        ("r9", "slide", "slides/slide10.xml"),
    ];
    parts.push(("ppt/_rels/presentation.xml.rels", relations(&order)));
    let read = words(PPTX, archive(&parts)).await;
    let places: Vec<_> = ["ten", "one", "two"]
        .map(|word| read.text.find(word))
        .into();
    assert!(places.is_sorted() && places[0].is_some(), "{}", read.text);
}

#[tokio::test]
async fn sheets_are_rows_of_what_their_cells_show() {
    let first = "\
        <row r=\"1\"><c r=\"A1\" t=\"s\"><v>1</v></c><c r=\"C1\" t=\"s\"><v>0</v></c></row>\
        <row r=\"4\"><c r=\"A4\" s=\"1\"><v>45000</v></c><c r=\"B4\"><v>0.30000000000000004</v></c>\
             <c r=\"C4\" t=\"b\"><v>1</v></c><c r=\"D4\" t=\"inlineStr\"><is><t>in line</t></is></c>\
             <c r=\"E4\" t=\"e\"><v>#DIV/0!</v></c><c r=\"F4\" t=\"str\"><f>A1&amp;B1</f><v>ab</v></c>\
             <c r=\"G4\"><f>NOW()</f></c></row>";
    let file = archive(&[
        (
            "xl/workbook.xml",
            "<workbook xmlns:r=\"r\"><sheets><sheet name=\"Plan &amp; co\" sheetId=\"1\" r:id=\"r2\"/>\
             <sheet name=\"Secret\" sheetId=\"2\" state=\"hidden\" r:id=\"r1\"/></sheets></workbook>"
                .to_owned(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            relations(&[
                ("r1", "worksheet", "worksheets/sheet1.xml"),
                ("r2", "worksheet", "/xl/worksheets/sheet10.xml"),
                ("r3", "sharedStrings", "sharedStrings.xml"),
                ("r4", "styles", "styles.xml"),
            ]),
        ),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>cost</t></si><si><r><t>it</t></r><r><t>em</t></r><rPh><t>x</t></rPh></si></sst>"
                .to_owned(),
        ),
        (
            "xl/styles.xml",
            "<styleSheet><numFmts><numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\"/></numFmts>\
             <cellStyleXfs><xf numFmtId=\"165\"/></cellStyleXfs>\
             <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"165\"/></cellXfs></styleSheet>"
                .to_owned(),
        ),
        ("xl/worksheets/sheet10.xml", sheet(first)),
        ("xl/worksheets/sheet1.xml", sheet("<row><c><v>7</v></c><c><v>8</v></c></row>")),
    ]);
    let read = words(XLSX, file).await;
    assert_eq!(
        read.text,
        "## Plan & co\n\nitem\t\tcost\n\n2023-03-15\t0.3\tTRUE\tin line\t#DIV/0!\tab\t=NOW()\n\n\
         ## Secret (hidden)\n\n7\t8"
    );
    assert_eq!(read.notes, ["It has 2 sheets.", "1 of them are hidden."]);
}

#[tokio::test]
async fn open_documents_are_read_too() {
    let text = "<office:document-content><office:body><office:text>\
        <text:h text:outline-level=\"2\">Head</text:h><text:p>a<text:s text:c=\"2\"/>b<text:tab/>c\
        <office:annotation><text:p>aside</text:p></office:annotation></text:p>\
        <text:list><text:list-item><text:p>one</text:p></text:list-item>\
        <text:list-item><text:p>two</text:p></text:list-item></text:list>\
        <table:table><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell>\
        <table:table-cell><text:p>y</text:p></table:table-cell></table:table-row></table:table>\
        </office:text></office:body></office:document-content>";
    let odt = "application/vnd.oasis.opendocument.text";
    let read = words(odt, archive(&[("content.xml", text)])).await;
    assert_eq!(
        read.text,
        "## Head\n\na  b\tc\n\n- one\n- two\n\n| x | y |\n| --- | --- |"
    );

    let sheet = "<office:document-content><office:body><office:spreadsheet>\
        <table:table table:name=\"Costs\"><table:table-row><table:table-cell><text:p>a</text:p>\
        </table:table-cell><table:table-cell table:number-columns-repeated=\"2\"/>\
        <table:table-cell><text:p>d</text:p></table:table-cell>\
        <table:table-cell table:number-columns-repeated=\"16380\"/></table:table-row>\
        <table:table-row table:number-rows-repeated=\"1048575\"><table:table-cell/></table:table-row>\
        </table:table></office:spreadsheet></office:body></office:document-content>";
    let ods = "application/vnd.oasis.opendocument.spreadsheet";
    let read = words(ods, archive(&[("content.xml", sheet)])).await;
    assert_eq!(read.text, "## Costs\n\na\t\t\td");
    assert_eq!(read.notes, ["It has 1 sheet."]);
}

#[tokio::test]
async fn pictures_are_shown_up_to_a_size() {
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    let shown = read("image/png", picture.clone()).await;
    assert!(matches!(shown, Ok(Extracted::Image { mime_type, .. }) if mime_type == "image/png"));
    picture.resize(LARGEST_IMAGE + 1, 0);
    let error = read("image/png", picture).await.unwrap_err();
    assert_eq!(
        error.message,
        "the picture sample has 5 MB; pictures are shown up to 5 MB"
    );
}

#[tokio::test]
async fn what_has_no_text_says_what_would_have() {
    let error = read("video/mp4", vec![0; 32]).await.unwrap_err();
    assert!(
        error.message.starts_with("sample (video/mp4) has no text"),
        "{error}"
    );
    assert!(error.message.contains("docx") && error.hint.is_some());
    let locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more".to_vec();
    let error = read(DOCX, locked).await.unwrap_err();
    assert_eq!(
        error.message,
        "sample was not read: it is protected with a password"
    );
}

#[tokio::test]
async fn a_megabyte_of_word_is_read_in_a_moment() {
    // Words that hardly compress, as in a long contract.
    let mut state = 1_u64;
    let mut body = String::new();
    while body.len() < 3 << 20 {
        body.push_str("<w:p><w:r><w:t>");
        for _ in 0..24 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963);
            body.push_str(&format!("{:x} ", state >> 24));
        }
        body.push_str("</w:t></w:r></w:p>");
    }
    let file = docx(&body);
    assert!(file.len() > 1 << 20, "{} bytes", file.len());
    let started = Instant::now();
    let read = words(DOCX, file).await;
    let took = started.elapsed();
    println!("read a docx of 1 MiB in {took:?}");
    assert!(read.text.len() > 2 << 20 && !read.truncated);
    assert!(took.as_secs_f64() < 2.0, "{took:?}");
}
