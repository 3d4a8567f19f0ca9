//! Files made to exhaust whoever opens them: each costs little, and the answer says why.

use std::{
    io::{Cursor, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use workspace_tools::documents::{Extracted, LARGEST_FILE};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::samples::{DOCX, PPTX, XLSX, archive, docx, read, sheet, word};

const ODT: &str = "application/vnd.oasis.opendocument.text";

/// The largest file that is made here.
const LARGEST_BOMB: usize = 1 << 20;

/// How much memory reading one may take.
const MOST_MEMORY: u64 = 64 << 10;

/// How much processor time reading one may take; on the clock, neighbours would count too.
const LONGEST: Duration = Duration::from_secs(2);

/// Says that a process was started for the bombs alone.
const ALONE: &str = "BOMBS_ALONE";

struct Bomb {
    name: String,
    mime_type: &'static str,
    bytes: Vec<u8>,
    /// What the error has to say; `None` where text is as good an answer.
    says: Option<&'static str>,
}

fn bomb(name: &str, mime_type: &'static str, bytes: Vec<u8>, says: Option<&'static str>) -> Bomb {
    Bomb {
        name: name.to_owned(),
        mime_type,
        bytes,
        says,
    }
}

/// The same hostile XML in the place where each format keeps its text.
fn xml_bombs() -> Vec<Bomb> {
    let mut laughs = String::new();
    for level in 1..10 {
        let inner = format!("&l{};", level - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY l{level} \"{inner}\">"));
    }
    let (mut attributes, mut namespaces) = (String::new(), String::new());
    for number in 0..60_000 {
        attributes.push_str(&format!(" a{number}=\"\""));
        namespaces.push_str(&format!(" xmlns:n{number}=\"u\""));
    }
    let deep = "<p>".repeat(100_000);
    let elements = "<p><r><t>x</t></r></p>";
    let variety = |index: usize| format!("<p><r><t>{index:x} {:x}</t></r></p>", index * 7_919);
    let attacks: Vec<(&str, String, Option<&'static str>)> = vec![
        (
            "billion laughs",
            format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{laughs}]><x><p><t>&l9;</t></p></x>"),
            Some("declares a document type"),
        ),
        (
            "external entity",
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x><t>&e;</t></x>".to_owned(),
            Some("declares a document type"),
        ),
        (
            "attributes",
            format!("<x{attributes}/>"),
            Some("more than 500 attributes"),
        ),
        (
            "repeated attribute",
            format!("<x{}/>", " a=\"\"".repeat(90_000)),
            Some("500 attributes"),
        ),
        (
            "namespaces",
            format!("<x{namespaces}/>"),
            Some("more than 500 attributes"),
        ),
        ("depth", deep, Some("nest deeper than 256")),
        (
            "long text",
            format!("<x><p><r><t>{}", "ab".repeat(4 << 20)),
            Some(""),
        ),
        (
            "long comment",
            format!("<x><!--{}--></x>", "ab".repeat(4 << 20)),
            Some(""),
        ),
        (
            "white space",
            format!("<x>{}</x>", " ".repeat(30 << 20)),
            Some(""),
        ),
        (
            "long name",
            format!("<x><{}/></x>", "n".repeat(6 << 20)),
            Some(""),
        ),
        (
            "elements",
            format!("<x>{}</x>", elements.repeat(400_000)),
            Some(""),
        ),
        (
            "much text",
            (0..60_000).map(variety).collect::<String>(),
            None,
        ),
        (
            "cut off",
            format!("<x>{}<p", elements.repeat(50)),
            Some("damaged"),
        ),
        ("unbalanced", "<x><p></x></p>".to_owned(), Some("damaged")),
        ("rubble", "\u{1}<<<>>>&&&;".repeat(1_000), Some("damaged")),
    ];
    let places = [
        (DOCX, "word/document.xml"),
        (PPTX, "ppt/slides/slide1.xml"),
        (XLSX, "xl/worksheets/sheet1.xml"),
        (ODT, "content.xml"),
    ];
    let mut bombs = Vec::new();
    for (name, xml, says) in attacks {
        // One of the formats is enough for those that take long to make.
        let places = if xml.len() > 4 << 20 {
            &places[..1]
        } else {
            &places[..]
        };
        for (mime_type, part) in places {
            let bytes = archive(&[(part, &xml)]);
            bombs.push(bomb(&format!("{name} in {part}"), mime_type, bytes, says));
        }
    }
    bombs
}

/// Archives that lie.
fn zip_bombs() -> Vec<Bomb> {
    let good = docx("<w:p><w:r><w:t>fine words</w:t></w:r></w:p>");
    let directory = find(&good, b"PK\x01\x02");
    let end = find(&good, b"PK\x05\x06");
    let patched = |at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    let many = |count: usize| {
        let parts: Vec<(String, &str)> =
            (0..count).map(|index| (format!("f{index}"), "")).collect();
        archive(&parts)
    };
    let large = (0..40).map(|index| {
        let text = "<row><c><v>1</v></c></row>".repeat(if index == 0 { 1 } else { 40_000 });
        (format!("xl/worksheets/sheet{index}.xml"), sheet(&text))
    });
    let inner = archive(&[("word/document.xml", docx(""))]);
    let mut overlapping = good.clone();
    let entry = good[directory..end].to_vec();
    overlapping.truncate(end);
    overlapping.extend_from_slice(&entry);
    let mut last = good[end..].to_vec();
    last[8..12].copy_from_slice(&[2, 0, 2, 0]);
    last[12..16].copy_from_slice(&u32::try_from(entry.len() * 2).unwrap().to_le_bytes());
    overlapping.extend_from_slice(&last);
    // The second entry needs a name of its own.
    let second = directory + entry.len() + 46;
    overlapping[second] = b'W';
    let bombs = [
        ("entries", many(8_000), Some("more than 2000 files")),
        (
            "just too many entries",
            many(2_001),
            Some("more than 2000 files"),
        ),
        ("claimed entries", patched(end + 8, &[0xff; 4]), Some("")),
        (
            "directory beyond the end",
            patched(end + 16, &[0xff, 0xff, 0xff, 0x7f]),
            Some(""),
        ),
        ("overlap", overlapping, Some("overlap")),
        (
            "encrypted",
            patched(directory + 8, &[1, 0]),
            Some("password"),
        ),
        (
            "claims to be huge",
            patched(directory + 24, &[0xff, 0xff, 0xff, 0x7f]),
            None,
        ),
        ("claims to be empty", patched(directory + 24, &[0; 4]), None),
        (
            "zip64 without its fields",
            patched(directory + 20, &[0xff; 8]),
            Some(""),
        ),
        (
            "wrong checksum",
            patched(directory + 16, &[1, 2, 3, 4]),
            Some("damaged"),
        ),
        (
            "unknown compression",
            patched(directory + 10, &[14, 0]),
            Some("compressed in a way"),
        ),
        (
            "header elsewhere",
            patched(directory + 42, &[9, 9, 0, 0]),
            Some(""),
        ),
        ("end marks", b"PK\x05\x06".repeat(200_000), Some("")),
        (
            "directory marks",
            b"PK\x01\x02".repeat(200_000),
            Some("more than 2000 files"),
        ),
        (
            "local marks",
            b"PK\x03\x04".repeat(200_000),
            Some("damaged"),
        ),
        ("cut off", good[..end - 9].to_vec(), Some("damaged")),
        ("archive in an archive", inner, Some("damaged")),
        (
            "no document",
            archive(&[("a", "b")]),
            Some("no document inside"),
        ),
        ("empty", Vec::new(), Some("damaged")),
    ];
    let mut bombs: Vec<Bomb> = bombs
        .into_iter()
        .map(|(name, bytes, says)| bomb(name, DOCX, bytes, says))
        .collect();
    let sheets = archive(&large.collect::<Vec<_>>());
    bombs.push(bomb("forty large sheets", XLSX, sheets, Some("")));
    bombs.push(bomb(
        "stored",
        DOCX,
        stored(&word(&"<w:p/>".repeat(100_000))),
        None,
    ));
    bombs
}

/// Sheets that claim more than they hold.
fn sheet_bombs() -> Vec<Bomb> {
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>\
               <row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>";
    let string = format!("<sst><si><t>{}</t></si></sst>", "long ".repeat(40_000));
    let references = "<row><c t=\"s\"><v>0</v></c></row>".repeat(20_000);
    let empties = format!("<sst>{}</sst>", "<si/>".repeat(1_500_000));
    let repeated = "<office:spreadsheet><table:table><table:table-row table:number-rows-repeated=\
                    \"1048576\"><table:table-cell table:number-columns-repeated=\"16384\"><text:p>x\
                    </text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>";
    let loops = "<Relationships><Relationship Id=\"r1\" Type=\"x/officeDocument\" \
                 Target=\"_rels/.rels\"/></Relationships>";
    let list = "<p:sldId id=\"1\" r:id=\"r1\"/>".repeat(100_000);
    let part = "xl/worksheets/sheet1.xml";
    let ods = "application/vnd.oasis.opendocument.spreadsheet";
    vec![
        bomb("far cells", XLSX, archive(&[(part, sheet(far))]), None),
        bomb(
            "one string many times",
            XLSX,
            archive(&[(part, sheet(&references)), ("xl/sharedStrings.xml", string)]),
            None,
        ),
        bomb(
            "empty strings",
            XLSX,
            archive(&[(part, sheet(far)), ("xl/sharedStrings.xml", empties)]),
            Some(""),
        ),
        bomb(
            "repeated cells",
            ods,
            archive(&[("content.xml", repeated)]),
            None,
        ),
        bomb(
            "main part of itself",
            DOCX,
            archive(&[("_rels/.rels", loops)]),
            None,
        ),
        bomb(
            "slides that are none",
            PPTX,
            archive(&[("ppt/presentation.xml", format!("<p>{list}</p>"))]),
            Some(""),
        ),
    ]
}

fn stored(content: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("word/document.xml", options).unwrap();
    zip.write_all(content.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

fn find(bytes: &[u8], mark: &[u8]) -> usize {
    bytes
        .windows(mark.len())
        .rposition(|window| window == mark)
        .unwrap()
}

/// The memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Watches the memory of this process until it is dropped.
struct Watch {
    largest: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    fn start() -> Self {
        let watch = Self {
            largest: Arc::default(),
            stop: Arc::default(),
        };
        let (largest, stop) = (watch.largest.clone(), watch.stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                largest.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        watch
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What this process has used of the processor, on all its threads.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().unwrap()
}

/// In a process of its own, in whose memory and processor time no other test has a part.
#[test]
fn bombs_cost_little_and_say_why() {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["bombs::every_bomb", "--exact", "--nocapture"])
        .env(ALONE, "yes")
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn every_bomb() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let mut bombs = xml_bombs();
    bombs.extend(zip_bombs());
    bombs.extend(sheet_bombs());
    assert!(bombs.len() >= 60, "{} bombs", bombs.len());
    let watch = Watch::start();
    let mut wrong = Vec::new();
    let (count, mut slowest, mut largest) = (bombs.len(), Duration::ZERO, 0);
    for Bomb {
        name,
        mime_type,
        bytes,
        says,
    } in bombs
    {
        assert!(
            bytes.len() <= LARGEST_BOMB,
            "{name} has {} bytes",
            bytes.len()
        );
        let before = resident();
        watch.largest.store(before, Ordering::Relaxed);
        let used = processor_time();
        let result = read(mime_type, bytes).await;
        let took = processor_time().saturating_sub(used);
        let grown = watch
            .largest
            .load(Ordering::Relaxed)
            .max(resident())
            .saturating_sub(before);
        let as_expected = match (&result, says) {
            (Err(error), says) => {
                error.message.starts_with("sample was not read: ")
                    && error.message.contains(says.unwrap_or_default())
                    && error.hint.is_some()
            }
            (Ok(Extracted::Text(text)), None) => text.text.len() <= 4 << 20,
            _ => false,
        };
        if !as_expected || took > LONGEST || grown > MOST_MEMORY {
            let said = result.map(|_| "text").map_err(|error| error.message);
            wrong.push(format!("{name}: {said:?} after {took:?} with {grown} KiB"));
        }
        (slowest, largest) = (slowest.max(took), largest.max(grown));
    }
    println!("{count} bombs: at most {slowest:?} and {largest} KiB");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn whoever_goes_away_stops_the_work() {
    let body = "<w:p><w:r><w:t>words</w:t></w:r></w:p>".repeat(500_000);
    let file = stored(&word(&body));
    assert!(file.len() < LARGEST_FILE);
    let started = Instant::now();
    // Either answer will do: this is how long the work takes.
    let _ = read(DOCX, file.clone()).await;
    let whole = started.elapsed();
    // As many as are unpacked at once, so that the next has to wait for one of them.
    let abandoned =
        (0..3).map(|_| tokio::time::timeout(Duration::from_millis(5), read(DOCX, file.clone())));
    for reading in futures::future::join_all(abandoned).await {
        assert!(reading.is_err(), "too quick to be stopped");
    }
    let started = Instant::now();
    read(DOCX, docx("")).await.unwrap();
    let waited = started.elapsed();
    assert!(
        waited < whole / 2,
        "waited {waited:?} for work of {whole:?}"
    );
}
