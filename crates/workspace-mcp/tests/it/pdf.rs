//! PDF files that end a process: they end a child, and the server goes on.

#![expect(clippy::print_stdout, reason = "figures are worth reading")]

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use workspace_tools::documents::{ChildPdfReader, PdfText};

use crate::{program, world};

/// How deep arrays nest that end a process with the usual stack.
const DEEP: usize = 10_380;

const FONT: &str =
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

const PAGE: &str = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
                    /Resources << /Font << /F1 5 0 R >> >> >>";

/// A file of these objects, numbered from one on, with a table of where they are.
fn file<O: AsRef<[u8]>>(objects: &[O]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.5\n".to_vec();
    let mut places = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        places.push(bytes.len());
        bytes.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        bytes.extend_from_slice(object.as_ref());
        bytes.extend_from_slice(b"\nendobj\n");
    }
    let table = bytes.len();
    bytes.extend_from_slice(
        format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).as_bytes(),
    );
    for place in &places {
        bytes.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let end = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF",
        places.len() + 1
    );
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

fn stream_of(entries: &str, content: &[u8]) -> Vec<u8> {
    let mut object = format!("<< /Length {} {entries} >>\nstream\n", content.len()).into_bytes();
    object.extend_from_slice(content);
    object.extend_from_slice(b"\nendstream");
    object
}

/// The usual objects, with some of them replaced and others added.
fn with(changes: &[(usize, &[u8])]) -> Vec<u8> {
    let words = stream_of("", b"BT /F1 24 Tf 72 700 Td (Hello from a page) Tj ET");
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        PAGE.as_bytes().to_vec(),
        words,
        FONT.as_bytes().to_vec(),
    ];
    for &(number, object) in changes {
        if objects.len() < number {
            objects.resize(number, b"null".to_vec());
        }
        objects[number - 1] = object.to_vec();
    }
    file(&objects)
}

fn with_content(content: &[u8]) -> Vec<u8> {
    with(&[(4, &stream_of("", content))])
}

/// As many mebibytes of spaces, deflated. Made of one block again and again, because deflating
/// them all would take longer than the test.
fn deflated(mebibytes: usize) -> Vec<u8> {
    let spaces = vec![b' '; 1 << 20];
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut ends = [0; 2];
    for end in &mut ends {
        encoder.write_all(&spaces).unwrap();
        encoder.flush().unwrap();
        *end = encoder.get_ref().len();
    }
    let bytes = encoder.get_ref();
    let block = bytes[ends[0]..ends[1]].repeat(mebibytes - 1);
    [&bytes[..ends[0]], &block].concat()
}

fn nested(open: &str, close: &str, depth: usize) -> Vec<u8> {
    format!("{}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
}

/// A picture that draws itself, until the stack ends.
fn form_in_itself() -> Vec<u8> {
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R \
                /Resources << /XObject << /X 6 0 R >> >> >>";
    let form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] \
                /Resources << /XObject << /X 6 0 R >> >>";
    let (draws, form) = (stream_of("", b"/X Do"), stream_of(form, b"/X Do"));
    with(&[(3, page.as_bytes()), (4, &draws), (6, &form)])
}

/// Ended every process that read it, until the library learnt to count.
fn deep_array() -> Vec<u8> {
    with(&[(6, &nested("[", "]", DEEP))])
}

/// A page that unpacks to far more than a child may hold.
fn flate_bomb() -> Vec<u8> {
    with(&[(4, &stream_of("/Filter /FlateDecode", &deflated(600)))])
}

/// Files made by hand, each against one weakness.
fn crafted() -> Vec<Vec<u8>> {
    let page = |entries: &str| {
        with(&[(
            3,
            format!("<< /Type /Page /Parent 2 0 R {entries} >>").as_bytes(),
        )])
    };
    let font = |entries: &str| with(&[(5, format!("<< /Type /Font {entries} >>").as_bytes())]);
    let ranges = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange \
                   <00000000> <ffffffff> endcodespacerange 1 beginbfrange \
                   <00000000> <ffffffff> <0000> endbfrange endcmap";
    let mut files = vec![
        Vec::new(),
        b"%PDF-1.7".to_vec(),
        b"%PDF-1.7\n%%EOF".to_vec(),
        vec![b'('; 200_000],
        [b"%PDF-1.4\n".as_slice(), &vec![b'['; 200_000]].concat(),
        deep_array(),
        with(&[(6, &nested("<< /A ", " >>", DEEP))]),
        with(&[(6, &nested("(", ")", 100_000))]),
        with(&[(6, &nested("[<< /A ", " >>]", DEEP))]),
        with_content(&nested("[", "]", DEEP)),
        with_content(&nested("<<", ">>", DEEP)),
        with_content(&nested("(", ")", 50_000)),
        with_content(&b"q ".repeat(60_000)),
        with_content(&b"Q ".repeat(1_000)),
        with_content(b"BT (no font) Tj ET"),
        with_content(b"BT /F9 12 Tf (unknown font) Tj ET"),
        with_content(b"BT /F1 1e308 Tf 1e308 1e308 Td (huge) Tj ET"),
        with_content(b"BT /F1 Tf Td Tj ET"),
        with_content(b"BT /F1 12 Tf [(a) -1e400 (b) /Name] TJ ET"),
        with_content(b"BI /W 1000000000 /H 1000000000 ID zzz EI"),
        with_content(b"1 2 3 4 5 6 7 8 9 cm 1 cm (x) cm"),
        with_content(b"/None gs /None Do /None sh /None cs"),
        with_content(b"\xff\xfe\x00\x80 \x00\x00 <zz> <1 > /#zz"),
        page("/Contents 4 0 R"),
        page("/MediaBox [0 0] /Contents 4 0 R"),
        page("/MediaBox [(a) /b null []] /Contents 4 0 R"),
        page("/MediaBox 3 0 R /Contents 4 0 R"),
        page("/MediaBox [0 0 9 9]"),
        page("/MediaBox [0 0 9 9] /Contents 99 0 R"),
        page("/MediaBox [0 0 9 9] /Contents 3 0 R"),
        page("/MediaBox [0 0 9 9] /Contents [4 0 R 3 0 R (x) 4 0 R] /Resources 4 0 R"),
        page("/MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >>"),
        page("/MediaBox [0 0 9 9] /ArtBox [1] /Contents 4 0 R"),
        font(""),
        font("/Subtype /Type0"),
        font("/Subtype /Type0 /BaseFont /A /DescendantFonts []"),
        font("/Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [5 0 R]"),
        font(
            "/Subtype /Type0 /BaseFont /A /Encoding /None /DescendantFonts [<< /Subtype /CIDFontType2 >>]",
        ),
        font("/Subtype /Type1 /BaseFont /A /Encoding << /Differences [(a) 300 /x -1 /y] >>"),
        font("/Subtype /TrueType /BaseFont /A /FirstChar 0 /LastChar -1 /Widths [1]"),
        font(
            "/Subtype /TrueType /BaseFont /A /FirstChar 9223372036854775807 /LastChar 0 /Widths 5 0 R",
        ),
        font("/Subtype /Type3 /BaseFont 5 0 R /CharProcs 5 0 R"),
        font("/Subtype /Type1 /BaseFont /A /FontDescriptor << /FontFile 4 0 R /FontFile3 4 0 R >>"),
        with(&[
            (
                5,
                b"<< /Type /Font /Subtype /Type1 /BaseFont /A /ToUnicode 6 0 R >>",
            ),
            (6, &stream_of("", ranges)),
        ]),
        with(&[
            (
                5,
                b"<< /Type /Font /Subtype /Type1 /BaseFont /A /ToUnicode 6 0 R >>",
            ),
            (6, &stream_of("", b"\xff\x00 beginbfchar <00> endbfchar <")),
        ]),
        form_in_itself(),
        with(&[(2, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>")]),
        with(&[
            (2, b"<< /Type /Pages /Kids [6 0 R] /Count 1 >>"),
            (6, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
        ]),
        with(&[
            (
                2,
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>",
            ),
            (3, b"<< /Type /Page /Parent 2 0 R >>"),
        ]),
        with(&[(2, b"<< /Type /Pages /Kids [3 0 R] /Count -1 >>")]),
        with(&[(2, b"<< /Type /Pages /Kids (none) /Count 9e99 >>")]),
        with(&[(
            2,
            format!(
                "<< /Type /Pages /Kids [{}] /Count 5000 >>",
                "3 0 R ".repeat(500)
            )
            .as_bytes(),
        )]),
        with(&[(1, b"<< /Type /Catalog /Pages 1 0 R >>")]),
        with(&[(1, b"<< /Type /Catalog >>")]),
        with(&[(1, b"1 0 R")]),
        with(&[(4, b"4 0 R")]),
        with(&[(4, b"<< /Length 4 0 R >>\nstream\nBT ET\nendstream")]),
        with(&[
            (4, b"<< /Length 6 0 R >>\nstream\nBT ET\nendstream"),
            (6, b"7 0 R"),
            (7, b"6 0 R"),
        ]),
        with(&[(4, b"<< /Length -5 >>\nstream\nBT ET\nendstream")]),
        with(&[(4, b"<< /Length 99999999999 >>\nstream\nBT ET\nendstream")]),
        flate_bomb(),
    ];
    for filter in [
        "/FlateDecode",
        "/LZWDecode",
        "/ASCII85Decode",
        "/ASCIIHexDecode",
        "/RunLengthDecode",
        "/DCTDecode",
        "/JBIG2Decode",
        "/Crypt",
        "[/FlateDecode /FlateDecode /FlateDecode]",
        "/FlateDecode /DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 99 >>",
        "/FlateDecode /DecodeParms << /Predictor 2 /Columns -1 /BitsPerComponent 0 >>",
    ] {
        let filter = format!("/Filter {filter}");
        files.push(with(&[(
            4,
            &stream_of(&filter, b"\x78\x9c\xff\x00garbage~>zz"),
        )]));
        files.push(with(&[(4, &stream_of(&filter, &deflated(1)))]));
    }
    let good = String::from_utf8(with(&[])).unwrap();
    for (from, to) in [
        ("0 6\n", "0 4294967295\n"),
        ("0 6\n", "-1 6\n"),
        ("0 6\n", "4294967290 6\n"),
        ("startxref\n", "startxref\n99999999999"),
        ("startxref\n", "startxref\n-"),
        ("/Root 1 0 R", "/Root 1 0 R /Prev 9"),
        ("/Root 1 0 R", "/Root 6 0 R"),
        ("/Root 1 0 R", "/Root 1 0 R /Encrypt << >>"),
        (
            "/Root 1 0 R",
            "/Root 1 0 R /Encrypt << /Filter /Standard /V 5 /R 6 /O (a) /U (b) /P -1 >>",
        ),
        (
            "/Root 1 0 R",
            "/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /O () /U () /P 0 >> /ID [()]",
        ),
        ("/Root 1 0 R", "/Root 1 0 R /Size -1"),
        ("trailer", "trailer trailer"),
        ("xref\n", "xref\nxref\n"),
    ] {
        files.push(good.replacen(from, to, 1).into_bytes());
    }
    let table = |entries: &str| {
        let mut file = b"%PDF-1.5\n".to_vec();
        let place = file.len();
        file.extend_from_slice(b"1 0 obj\n");
        file.extend(stream_of(
            &format!("/Type /XRef /Root 1 0 R {entries}"),
            &[1; 64],
        ));
        file.extend_from_slice(format!("\nendobj\nstartxref\n{place}\n%%EOF").as_bytes());
        file
    };
    files.extend([
        table("/Size 4 /W [1 2 1]"),
        table("/Size 4294967295 /W [1 2 1]"),
        table("/Size 4 /W [0 0 0]"),
        table("/Size 4 /W [-1 2 1]"),
        table("/Size 4 /W [2147483647 2147483647 2147483647]"),
        table("/Size 4 /W [1 2 1] /Index [0 4294967295]"),
        table("/Size 4 /W [1 2 1] /Index [4294967295 4 0]"),
        table("/Size 4 /W [1 2 1] /Prev 9"),
        table("/Size 4"),
        with(&[(
            6,
            &stream_of("/Type /ObjStm /N 4294967295 /First 4", b"1 0 2 3"),
        )]),
        with(&[(
            6,
            &stream_of("/Type /ObjStm /N 2 /First 99999 /Extends 6 0 R", b"1 0 2 3"),
        )]),
        with(&[(6, &stream_of("/Type /ObjStm /N -2 /First -4", b"1 -5 2 -3"))]),
    ]);
    files
}

/// The whole corpus: made by hand, cut short, and changed at random but always alike.
fn corpus() -> Vec<Vec<u8>> {
    let mut files = crafted();
    let good = with(&[]);
    for part in 1..=30 {
        files.push(good[..good.len() * part / 31].to_vec());
    }
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..90 {
        let mut file = good.clone();
        for _ in 0..=random(12) {
            let place = random(file.len());
            file[place] = b"0129[]<>()/ R\n\xff\0"[random(16)];
        }
        files.push(file);
    }
    files
}

fn reader() -> ChildPdfReader {
    ChildPdfReader::new(program(), &["extract-pdf"])
}

#[tokio::test]
async fn a_good_file_is_read_page_by_page() {
    let read = reader().text(with(&[]).into()).await.unwrap();
    assert_eq!(read.text, "Hello from a page");
    assert_eq!(read.notes, ["It has 1 page."]);
    assert!(!read.truncated);

    let second = PAGE.replace("4 0 R", "7 0 R");
    let words = stream_of("", b"BT /F1 12 Tf 72 700 Td (The second) Tj ET");
    let broken = "<< /Type /Page /Parent 2 0 R /MediaBox [1] /Contents 4 0 R >>";
    let file = with(&[
        (2, b"<< /Type /Pages /Kids [3 0 R 8 0 R 6 0 R] /Count 3 >>"),
        (6, second.as_bytes()),
        (7, &words),
        (8, broken.as_bytes()),
    ]);
    let read = reader().text(file.into()).await.unwrap();
    assert_eq!(
        read.text,
        "[page 1]\nHello from a page\n\n[page 3]\nThe second"
    );
    assert_eq!(read.notes, ["It has 3 pages.", "1 of them cannot be read."]);
}

#[tokio::test]
async fn a_child_has_limits_before_it_reads() {
    let mut child = Command::new(program())
        .arg("extract-pdf")
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let mut read = String::new();
    for _ in 0..200 {
        read = std::fs::read_to_string(&limits).unwrap();
        if read.contains("268435456") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let limit = |name: &str| {
        let line = read
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.trim_start_matches(name)
            .split_whitespace()
            .next()
            .map(str::to_owned)
    };
    for (name, most) in [
        ("Max address space", "268435456"),
        ("Max cpu time", "5"),
        ("Max core file size", "0"),
        ("Max open files", "3"),
        ("Max file size", "0"),
        ("Max processes", "0"),
    ] {
        assert_eq!(limit(name).as_deref(), Some(most), "{read}");
    }
    let size = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let size = size
        .lines()
        .find(|line| line.starts_with("VmSize"))
        .unwrap_or_default();
    println!("a waiting child: {size}");
    let kibibytes: u64 = size.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(
        kibibytes < 256 << 10,
        "a child begins beyond its limit: {size}"
    );
    drop(child.stdin.take());
    assert!(!child.wait().unwrap().success());
}

#[tokio::test]
async fn no_file_of_the_corpus_ends_more_than_its_child() {
    let files = corpus();
    assert!(files.len() >= 200, "{} files", files.len());
    let reader = Arc::new(reader());
    let started = Instant::now();
    let mut results = stream::iter(files.into_iter().enumerate())
        .map(|(index, file)| {
            let reader = reader.clone();
            async move {
                let started = Instant::now();
                (index, reader.text(file.into()).await, started.elapsed())
            }
        })
        .buffer_unordered(2);
    let (mut read, mut refused) = (0, 0);
    while let Some((index, result, took)) = results.next().await {
        match result {
            Ok(_) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(
                    error.message.starts_with("the PDF"),
                    "file {index}: {error:?}"
                );
            }
        }
        if took > Duration::from_secs(1) {
            println!("file {index} took {took:?}");
        }
        assert!(took < Duration::from_secs(13), "file {index} took {took:?}");
    }
    println!("{read} read, {refused} refused in {:?}", started.elapsed());
    assert!(
        read >= 20 && refused >= 60,
        "{read} read, {refused} refused"
    );
    let after = reader.text(with(&[]).into()).await.unwrap();
    assert_eq!(after.text, "Hello from a page");
}

#[tokio::test]
async fn fifty_bombs_at_once_do_not_disturb_other_calls() {
    let world = world().await;
    let mcp = Arc::new(world.mcp());
    let attached = |name: &str, file: &[u8]| {
        let content = STANDARD.encode(file);
        json!({"name": name, "mime_type": "application/pdf", "content_base64": content})
    };
    let mail = json!({
        "to": ["alex@sandbox.example"], "subject": "bombs", "body": "open them",
        "attachments": [
            attached("loop.pdf", &form_in_itself()),
            attached("flate.pdf", &flate_bomb()),
            attached("good.pdf", &with(&[])),
        ],
    });
    let sent = mcp.call("send_gmail_message", mail).await.unwrap();
    let id = sent["id"]
        .as_str()
        .or(sent["messageId"].as_str())
        .expect("an id")
        .to_owned();
    let open = |name: &'static str| {
        let (mcp, id) = (mcp.clone(), id.clone());
        async move {
            let arguments = json!({"message_id": id, "attachment_id": name, "as": "text"});
            mcp.result("get_gmail_attachment_content", arguments)
                .await
                .unwrap()
        }
    };
    let good = open("good.pdf").await;
    assert!(good.to_string().contains("Hello from a page"), "{good}");
    let other_call = || async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let started = Instant::now();
        let labels = mcp.call("list_gmail_labels", json!({})).await.unwrap();
        assert!(labels["labels"].is_array());
        started.elapsed()
    };
    let mut quiet = Vec::new();
    for _ in 0..20 {
        quiet.push(other_call().await);
    }

    let bombs = (0..50).map(|number| open(if number < 2 { "flate.pdf" } else { "loop.pdf" }));
    let bombs = tokio::spawn(futures::future::join_all(bombs.collect::<Vec<_>>()));
    let (mut during, mut largest) = (Vec::new(), 0.0_f64);
    while !bombs.is_finished() {
        during.push(other_call().await);
        largest = largest.max(world.server.resident_mib().unwrap());
    }
    let answers: Vec<Value> = bombs.await.unwrap();
    quiet.sort();
    during.sort();
    let (quiet, during) = (quiet[quiet.len() / 2], during[during.len() / 2]);
    println!("other calls took {quiet:?}, meanwhile {during:?}; the server had {largest:.0} MiB");
    assert_eq!(answers.len(), 50);
    for answer in &answers {
        assert_eq!(answer["isError"], true, "{answer}");
    }
    assert!(
        during < quiet * 3 + Duration::from_millis(100),
        "{quiet:?} became {during:?}"
    );
    assert!(largest < 1024.0, "{largest} MiB");
    let good = open("good.pdf").await;
    assert!(good.to_string().contains("Hello from a page"), "{good}");
    world.stop().await.unwrap();
}
