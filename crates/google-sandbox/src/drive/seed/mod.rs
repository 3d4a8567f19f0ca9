//! Believable files of two colleagues: projects, invoices, notes, things shared and thrown away.
//!
//! Invariant: the same seed gives the same ids and contents.

use jiff::{SignedDuration, Timestamp};

use super::{
    export,
    file::{
        Answer, Comment, Content, DOCUMENT, FOLDER, Grantee, PRESENTATION, Permission, Role,
        SHORTCUT, SPREADSHEET,
    },
    native::{self, Native, Sheet, Slide},
    office, pdf,
    state::{SharedDrive, blank, owner},
};
use crate::world::World;

mod words;

/// Opens every account's Drive and fills those of the first two users.
pub(super) fn demo(world: &mut World, now: Timestamp) {
    super::open(world, now - days(700));
    let [first, second, ..] = world.users.as_slice() else {
        return;
    };
    let (alex, sam) = (first.email.clone(), second.email.clone());
    let mut seed = Seed { world, now };
    own_files(&mut seed, &alex, &sam);
    files_of_the_colleague(&mut seed, &sam, &alex);
    team_files(&mut seed, &alex, &sam);
    // What a client sees as changes begins after the demo data.
    world.drive.changes.clear();
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn own_files(seed: &mut Seed<'_>, alex: &str, sam: &str) {
    let root = seed.root(alex);
    let projects = seed.folder(alex, &root, "Projects", 400);
    let atlas = seed.folder(alex, &projects, "Atlas", 120);
    seed.share(&atlas, Grantee::User(sam.to_owned()), Role::Writer, 119);
    let plan = seed.document(alex, &atlas, "Atlas launch plan", 30, words::LAUNCH_PLAN);
    seed.comment(
        &plan,
        sam,
        "Should the beta end before the freeze?",
        6,
        "Yes, moved to week 48.",
        alex,
    );
    seed.sheets(alex, &atlas, "Atlas budget 2026", 21, words::BUDGET);
    seed.slides(sam, &atlas, "Atlas kick-off", 110, words::KICK_OFF);
    seed.office_document(
        alex,
        &atlas,
        "Atlas requirements.docx",
        95,
        words::REQUIREMENTS,
    );
    seed.office_sheets(sam, &atlas, "Risk register.xlsx", 17, words::RISKS);
    seed.office_slides(
        alex,
        &atlas,
        "Atlas architecture.pptx",
        80,
        words::ARCHITECTURE,
    );
    let design = seed.folder(alex, &atlas, "Design", 100);
    seed.bytes(
        alex,
        &design,
        "sign-ups.png",
        "image/png",
        40,
        include_bytes!("sign-ups.png"),
    );
    seed.bytes(
        alex,
        &design,
        "design-notes.md",
        "text/markdown",
        38,
        words::DESIGN_NOTES.as_bytes(),
    );
    let borealis = seed.folder(alex, &projects, "Borealis", 60);
    seed.document(alex, &borealis, "Interview notes", 44, words::INTERVIEWS);
    seed.pdf(alex, &borealis, "Research summary.pdf", 41, words::RESEARCH);
    seed.bytes(
        alex,
        &borealis,
        "interviews.csv",
        "text/csv",
        45,
        words::INTERVIEWS_CSV.as_bytes(),
    );

    let finance = seed.folder(alex, &root, "Finance", 380);
    seed.pdf(
        alex,
        &finance,
        "Invoice 2026-0117 Northwind.pdf",
        34,
        words::INVOICE_NORTHWIND,
    );
    seed.pdf(
        alex,
        &finance,
        "Invoice 2026-0118 Contoso.pdf",
        20,
        words::INVOICE_CONTOSO,
    );
    let contract = seed.office_document(
        alex,
        &finance,
        "Contract Northwind.docx",
        70,
        words::CONTRACT,
    );
    seed.share(
        &contract,
        Grantee::User("dana@northwind.example".to_owned()),
        Role::Reader,
        69,
    );
    seed.office_sheets(alex, &finance, "Expenses Q3.xlsx", 50, words::EXPENSES);

    let archive = seed.folder(alex, &root, "Archive", 300);
    for week in 1..=30 {
        let name = format!("Weekly report 2026-W{week:02}.txt");
        let text = words::weekly_report(week);
        seed.bytes(
            alex,
            &archive,
            &name,
            "text/plain",
            300 - 7 * i64::from(week),
            text.as_bytes(),
        );
    }

    let notes = seed.document(alex, &root, "Meeting notes", 2, words::MEETING_NOTES);
    seed.star(&notes, alex);
    seed.bytes(
        alex,
        &root,
        "To do.txt",
        "text/plain",
        1,
        words::TO_DO.as_bytes(),
    );
    let resume = "O'Brien's résumé (final).pdf";
    seed.pdf(alex, &root, resume, 12, words::RESUME);
    // Written on an old machine: Windows-1252, not UTF-8.
    seed.bytes(
        alex,
        &root,
        "Lettre à Zoé.txt",
        "text/plain",
        290,
        words::LETTER_WINDOWS_1252,
    );
    seed.bytes(
        alex,
        &root,
        "server.log",
        "text/plain",
        5,
        words::server_log().as_bytes(),
    );
    seed.shortcut(alex, &root, "Launch plan (shortcut)", &plan, 10);
    let old = seed.bytes(
        alex,
        &root,
        "Old draft.txt",
        "text/plain",
        200,
        b"Nothing worth keeping.",
    );
    seed.trash(&old, alex, 15);
}

fn files_of_the_colleague(seed: &mut Seed<'_>, sam: &str, alex: &str) {
    let root = seed.root(sam);
    let roadmap = seed.sheets(sam, &root, "Roadmap 2027", 8, words::ROADMAP);
    seed.share(&roadmap, Grantee::User(alex.to_owned()), Role::Reader, 8);
    let checklist = seed.document(sam, &root, "Onboarding checklist", 25, words::ONBOARDING);
    seed.share(
        &checklist,
        Grantee::User(alex.to_owned()),
        Role::Commenter,
        24,
    );
    let domain = sam
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain)
        .to_owned();
    let handbook = seed.document(sam, &root, "Team handbook", 250, words::HANDBOOK);
    let everybody = Grantee::Domain {
        name: domain,
        discoverable: true,
    };
    seed.share(&handbook, everybody, Role::Reader, 250);
    let proposal = seed.document(sam, &root, "Vendor proposal", 4, words::PROPOSAL);
    seed.share(&proposal, Grantee::User(alex.to_owned()), Role::Reader, 4);
    let kit = seed.office_slides(sam, &root, "Press kit.pptx", 33, words::KICK_OFF);
    seed.share(
        &kit,
        Grantee::Anyone {
            discoverable: false,
        },
        Role::Reader,
        33,
    );
    seed.document(sam, &root, "Private journal", 3, words::JOURNAL);
}

fn team_files(seed: &mut Seed<'_>, alex: &str, sam: &str) {
    let id = format!("0A{}PVA", seed.world.chance.word(14));
    let created = seed.now - days(500);
    let mut folder = blank(&id, "Product", FOLDER, alex, created);
    folder.drive_id = Some(id.clone());
    for (member, role) in [(alex, Role::Organizer), (sam, Role::FileOrganizer)] {
        let member = Grantee::User(member.to_owned());
        folder
            .permissions
            .push(Permission::new(member, role, created, alex));
    }
    let drive = SharedDrive {
        name: "Product".to_owned(),
        created,
        request_id: None,
    };
    seed.world.drive.drives.insert(id.clone(), drive);
    seed.world.drive.files.insert(id.clone(), folder);
    seed.document(sam, &id, "Launch checklist", 9, words::CHECKLIST);
    let brand = seed.folder(sam, &id, "Brand", 450);
    seed.bytes(
        sam,
        &brand,
        "logo.svg",
        "image/svg+xml",
        449,
        words::LOGO.as_bytes(),
    );
}

struct Seed<'a> {
    world: &'a mut World,
    now: Timestamp,
}

impl Seed<'_> {
    fn root(&self, email: &str) -> String {
        self.world.drive.root(email).to_owned()
    }

    /// Adds a file; a few minutes of the day come from chance.
    fn add(
        &mut self,
        by: &str,
        parent: &str,
        (name, mime_type): (&str, &str),
        days_ago: i64,
        content: Content,
    ) -> String {
        let chance = &mut self.world.chance;
        let id = format!("1{}", chance.word(32));
        let minutes = i64::try_from(chance.below(500)).expect("a small number");
        let modified = self.now - days(days_ago) - SignedDuration::from_mins(minutes);
        let created = modified - days(i64::try_from(chance.below(6)).expect("a small number"));
        let mut file = blank(&id, name, mime_type, by, created);
        file.modified = modified;
        file.parent = Some(parent.to_owned());
        file.drive_id = self
            .world
            .drive
            .files
            .get(parent)
            .and_then(|folder| folder.drive_id.clone());
        if file.drive_id.is_none() {
            file.permissions.push(owner(by, created));
        }
        file.content = content;
        if file.bytes().is_some() {
            file.original_name = Some(name.to_owned());
        }
        file.views.entry(by.to_owned()).or_default().viewed = Some(modified);
        if !matches!(file.content, Content::Nothing) {
            let revision = format!("0B{}", self.world.chance.word(40));
            file.note_revision(revision, modified, by);
        }
        self.world.drive.files.insert(id.clone(), file);
        id
    }

    fn folder(&mut self, by: &str, parent: &str, name: &str, days_ago: i64) -> String {
        self.add(by, parent, (name, FOLDER), days_ago, Content::Nothing)
    }

    fn bytes(
        &mut self,
        by: &str,
        parent: &str,
        name: &str,
        mime_type: &str,
        days_ago: i64,
        bytes: &[u8],
    ) -> String {
        let content = Content::Bytes(bytes.to_vec().into());
        self.add(by, parent, (name, mime_type), days_ago, content)
    }

    fn native(
        &mut self,
        by: &str,
        parent: &str,
        named: (&str, &str),
        days_ago: i64,
        native: Native,
    ) -> String {
        self.add(by, parent, named, days_ago, Content::Native(native))
    }

    fn document(&mut self, by: &str, parent: &str, name: &str, ago: i64, text: &str) -> String {
        let native = Native::Document(native::from_markdown(text));
        self.native(by, parent, (name, DOCUMENT), ago, native)
    }

    fn sheets(
        &mut self,
        by: &str,
        parent: &str,
        name: &str,
        ago: i64,
        sheets: &[(&str, &str)],
    ) -> String {
        let native = Native::Spreadsheet(workbook(sheets));
        self.native(by, parent, (name, SPREADSHEET), ago, native)
    }

    fn slides(
        &mut self,
        by: &str,
        parent: &str,
        name: &str,
        ago: i64,
        slides: &[(&str, &str)],
    ) -> String {
        let native = Native::Presentation(deck(slides));
        self.native(by, parent, (name, PRESENTATION), ago, native)
    }

    /// A binary file with the words that Drive would find in it.
    fn exported(
        &mut self,
        by: &str,
        parent: &str,
        named: (&str, &str),
        ago: i64,
        native: &Native,
    ) -> String {
        let bytes = export::export(named.0, native, named.1).expect("a format of this editor");
        let id = self.add(by, parent, named, ago, Content::Bytes(bytes.into()));
        if let Some(file) = self.world.drive.files.get_mut(&id) {
            file.indexed = Some(native.plain_text());
        }
        id
    }

    fn office_document(
        &mut self,
        by: &str,
        parent: &str,
        name: &str,
        ago: i64,
        text: &str,
    ) -> String {
        let native = Native::Document(native::from_markdown(text));
        self.exported(by, parent, (name, office::DOCX), ago, &native)
    }

    fn office_sheets(
        &mut self,
        by: &str,
        parent: &str,
        name: &str,
        ago: i64,
        sheets: &[(&str, &str)],
    ) -> String {
        let native = Native::Spreadsheet(workbook(sheets));
        self.exported(by, parent, (name, office::XLSX), ago, &native)
    }

    fn office_slides(
        &mut self,
        by: &str,
        parent: &str,
        name: &str,
        ago: i64,
        slides: &[(&str, &str)],
    ) -> String {
        let native = Native::Presentation(deck(slides));
        self.exported(by, parent, (name, office::PPTX), ago, &native)
    }

    fn pdf(&mut self, by: &str, parent: &str, name: &str, ago: i64, text: &str) -> String {
        let bytes = Content::Bytes(pdf::document(text).into());
        let id = self.add(by, parent, (name, "application/pdf"), ago, bytes);
        if let Some(file) = self.world.drive.files.get_mut(&id) {
            file.indexed = Some(text.to_owned());
        }
        id
    }

    fn shortcut(&mut self, by: &str, parent: &str, name: &str, target: &str, ago: i64) {
        let id = self.add(by, parent, (name, SHORTCUT), ago, Content::Nothing);
        if let Some(file) = self.world.drive.files.get_mut(&id) {
            file.shortcut_target = Some(target.to_owned());
        }
    }

    fn share(&mut self, id: &str, with: Grantee, role: Role, days_ago: i64) {
        let at = self.now - days(days_ago);
        if let Some(file) = self.world.drive.files.get_mut(id) {
            let by = file.owner().unwrap_or_default().to_owned();
            file.permissions.push(Permission::new(with, role, at, &by));
        }
    }

    fn star(&mut self, id: &str, user: &str) {
        if let Some(file) = self.world.drive.files.get_mut(id) {
            file.views.entry(user.to_owned()).or_default().starred = true;
        }
    }

    fn trash(&mut self, id: &str, user: &str, days_ago: i64) {
        let at = self.now - days(days_ago);
        if let Some(file) = self.world.drive.files.get_mut(id) {
            file.trashed = Some((at, user.to_owned()));
        }
    }

    fn comment(&mut self, id: &str, by: &str, text: &str, ago: i64, answer: &str, from: &str) {
        let (comment_id, answer_id) = (self.world.chance.word(7), self.world.chance.word(7));
        let created = self.now - days(ago);
        let answered = created + SignedDuration::from_hours(3);
        let reply = Answer {
            id: format!("AAAA{answer_id}"),
            author: from.to_owned(),
            text: answer.to_owned(),
            created: answered,
            action: None,
        };
        let comment = Comment {
            id: format!("AAAA{comment_id}"),
            author: by.to_owned(),
            text: text.to_owned(),
            quoted: None,
            created,
            modified: answered,
            resolved: false,
            deleted: false,
            replies: vec![reply],
        };
        if let Some(file) = self.world.drive.files.get_mut(id) {
            file.comments.push(comment);
        }
    }
}

fn workbook(sheets: &[(&str, &str)]) -> Vec<Sheet> {
    sheets
        .iter()
        .map(|(title, rows)| Sheet {
            title: (*title).to_owned(),
            rows: native::from_csv(rows, ','),
        })
        .collect()
}

fn deck(slides: &[(&str, &str)]) -> Vec<Slide> {
    slides
        .iter()
        .map(|(title, lines)| Slide {
            title: (*title).to_owned(),
            lines: lines.lines().map(str::to_owned).collect(),
        })
        .collect()
}
