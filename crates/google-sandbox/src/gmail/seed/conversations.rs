//! Conversations between people.
//!
//! Written by hand as data. Invariant: each turn answers the one before it, so that a mailbox
//! threads them as it would real mail.

use super::{Cast, Letter, Place, Planned, files, html};

/// Who speaks.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Alex,
    Sam,
    Priya,
    Ingrid,
    Tomas,
    Nadia,
    Lucas,
}

use Who::{Alex, Ingrid, Lucas, Nadia, Priya, Sam, Tomas};

/// One conversation: subject, who takes part, labels, how many days ago it began, and the turns,
/// each with the hours that passed before it.
struct Talk {
    subject: &'static str,
    with: &'static [Who],
    labels: &'static [&'static str],
    days: i64,
    turns: &'static [(Who, i64, &'static str)],
}

const TALKS: &[Talk] = &[
    Talk {
        subject: "Quarterly budget",
        with: &[Alex, Sam, Priya],
        labels: &["Finance", "IMPORTANT"],
        days: 5,
        turns: &[
            (
                Sam,
                0,
                "Hi Alex,\n\nattached is the draft of the quarterly budget, as a workbook and as a summary for the board. Travel is up by 12 %, everything else is close to last quarter.\n\nCould you check the Operations sheet before Thursday?\n\nSam",
            ),
            (
                Priya,
                20,
                "Thanks, Sam. The order numbers match my weekly tables. One question: is the new label printer in Equipment or in Operations?\n\nPriya",
            ),
            (
                Alex,
                6,
                "It is in Equipment, approved in the spring. I will look at Operations tomorrow.\n\nAlex",
            ),
            (
                Sam,
                30,
                "Great. The board meets on Friday at ten, so I need your comments on the budget by Thursday evening. Are you fine with the travel line?\n\nSam",
            ),
        ],
    },
    Talk {
        subject: "Project Atlas: warehouse move",
        with: &[Alex, Sam, Tomas],
        labels: &["Projects/Atlas"],
        days: 33,
        turns: &[
            (
                Tomas,
                0,
                "Hello both,\n\nthe landlord confirmed the keys for the new hall. I suggest we move the shelves in two nights so that orders keep going out.\n\nTomás",
            ),
            (
                Sam,
                3,
                "Two nights sounds right. Do we have enough pallets?\n\nSam",
            ),
            (
                Tomas,
                18,
                "Forty of our own, and we can borrow twenty. The plan is attached.\n\nTomás",
            ),
            (
                Alex,
                5,
                "Approved. Please book the lift for both nights.\n\nAlex",
            ),
            (Tomas, 26, "Booked. See you on the ramp.\n\nTomás"),
        ],
    },
    Talk {
        subject: "Visit to your plant in March",
        with: &[Alex, Nadia],
        labels: &["Travel"],
        days: 48,
        turns: &[
            (
                Alex,
                0,
                "Dear Nadia,\n\nwe would like to see the new line. Would the second week suit you?\n\nKind regards\nAlex",
            ),
            (
                Nadia,
                22,
                "Dear Alex,\n\nwith pleasure. Tuesday from 10:00 is free; lunch is on us.\n\nBest wishes\nNadia Haddad\nNorthwind Components",
            ),
            (Alex, 4, "Tuesday it is. I will come with Sam.\n\nAlex"),
        ],
    },
    Talk {
        subject: "Flyer: final proof",
        with: &[Alex, Lucas],
        labels: &["Projects/Flyer"],
        days: 21,
        turns: &[
            (
                Lucas,
                0,
                "Good morning,\n\nhere is the final proof. Please check the telephone number and the opening hours.\n\nLucas Meyer\nMeyer Print",
            ),
            (
                Alex,
                9,
                "The number is right. On Saturdays we close at 13:00, not at 14:00.\n\nAlex",
            ),
            (
                Lucas,
                5,
                "Corrected. We print tonight unless I hear from you.\n\nLucas",
            ),
        ],
    },
    Talk {
        subject: "Offsite: where and when",
        with: &[Alex, Sam, Ingrid, Priya],
        labels: &[],
        days: 12,
        turns: &[
            (
                Ingrid,
                0,
                "Hi everyone,\n\nI have two offers for the offsite: the mill (quiet, no train) and the boathouse (lively, next to the station). What do you prefer?\n\nIngrid",
            ),
            (Priya, 2, "Boathouse!\n\nPriya"),
            (
                Sam,
                3,
                "Boathouse, if it has a room with a projector.\n\nSam",
            ),
            (
                Alex,
                7,
                "Boathouse then. Ingrid, please hold the first weekend of next month.\n\nAlex",
            ),
            (
                Ingrid,
                16,
                "Held until Monday. They do have a projector.\n\nIngrid",
            ),
        ],
    },
    Talk {
        subject: "Contract renewal with Northwind",
        with: &[Alex, Nadia, Sam],
        labels: &["Finance"],
        days: 75,
        turns: &[
            (
                Nadia,
                0,
                "Dear Alex, dear Sam,\n\nour frame contract ends in ten weeks. The draft for another two years is attached; prices stay as they are.\n\nNadia Haddad",
            ),
            (
                Sam,
                28,
                "Thank you. We would like a clause on delivery times. I have marked it in the text.\n\nSam",
            ),
            (Nadia, 47, "That is fine with us.\n\nNadia"),
            (Alex, 20, "Signed and on its way.\n\nAlex"),
        ],
    },
    Talk {
        subject: "Desk by the window",
        with: &[Sam, Alex],
        labels: &[],
        days: 3,
        turns: &[
            (
                Sam,
                0,
                "The desk by the window is free from Monday. Do you want it?\n\nSam",
            ),
            (Alex, 1, "Yes please! I bring the plant.\n\nAlex"),
            (
                Sam,
                1,
                "Then it is yours. Facilities will bring the second monitor.\n\nSam",
            ),
        ],
    },
    Talk {
        subject: "Intake form: three questions",
        with: &[Ingrid, Alex],
        labels: &["Projects/Atlas"],
        days: 9,
        turns: &[
            (
                Ingrid,
                0,
                "Hi Alex,\n\n1. Do we still ask for a fax number?\n2. Who reads the comments field?\n3. May I drop the page on pallets?\n\nIngrid",
            ),
            (
                Alex,
                5,
                "1. No.\n2. Tomás, every morning.\n3. Please keep it until the move is over.\n\nAlex",
            ),
            (Ingrid, 2, "Thank you, that settles it.\n\nIngrid"),
        ],
    },
    Talk {
        subject: "Überstunden im Lager / overtime in the warehouse",
        with: &[Tomas, Alex, Sam],
        labels: &["Finance"],
        days: 62,
        turns: &[
            (
                Tomas,
                0,
                "Hallo Alex, hello Sam,\n\nim Juni waren es 42 Stunden – 42 hours in June. May we pay them out?\n\nTomás",
            ),
            (Sam, 7, "Yes, with the July payroll.\n\nSam"),
        ],
    },
    Talk {
        subject: "Parking permit",
        with: &[Alex, Ingrid],
        labels: &[],
        days: 88,
        turns: &[
            (
                Alex,
                0,
                "Ingrid, could you renew my parking permit? It ends this month.\n\nAlex",
            ),
            (Ingrid, 3, "Done. The new card is in your tray.\n\nIngrid"),
        ],
    },
    Talk {
        subject: "Ideas for the spring catalogue",
        with: &[Priya, Alex, Sam],
        labels: &["Projects/Flyer"],
        days: 54,
        turns: &[
            (
                Priya,
                0,
                "Hello,\n\nI collected twelve ideas, the best ones first, in the attached document.\n\nPriya",
            ),
            (
                Alex,
                26,
                "Number three and number seven, please. What would they cost?\n\nAlex",
            ),
            (
                Priya,
                30,
                "About 1,800 each, photographs included.\n\nPriya",
            ),
            (Sam, 4, "Fine for both.\n\nSam"),
        ],
    },
    Talk {
        subject: "Phone line drops",
        with: &[Sam, Alex, Tomas],
        labels: &[],
        days: 101,
        turns: &[
            (
                Tomas,
                0,
                "The phone in the hall drops every call after two minutes. Since yesterday.\n\nTomás",
            ),
            (
                Alex,
                2,
                "The provider is working on it, ticket 88121.\n\nAlex",
            ),
            (Tomas, 21, "Works again, thanks.\n\nTomás"),
        ],
    },
    Talk {
        subject: "Notes from the supplier round",
        with: &[Sam, Alex],
        labels: &["Reports"],
        days: 17,
        turns: &[
            (
                Sam,
                0,
                "Alex,\n\nmy notes are attached. In short: two suppliers raise prices in the autumn, Northwind does not.\n\nSam",
            ),
            (
                Alex,
                4,
                "Good to know. Let us put that into the budget.\n\nAlex",
            ),
        ],
    },
    Talk {
        subject: "Lunch on Thursday?",
        with: &[Sam, Alex],
        labels: &[],
        days: 1,
        turns: &[(
            Sam,
            0,
            "The new place at the corner has dumplings. Thursday at 12:30?\n\nSam",
        )],
    },
];

/// All conversations as letters.
pub(super) fn all(cast: &Cast) -> Vec<Planned> {
    TALKS
        .iter()
        .enumerate()
        .flat_map(|(number, talk)| letters(cast, number, talk))
        .collect()
}

fn letters(cast: &Cast, number: usize, talk: &Talk) -> Vec<Planned> {
    let mut passed = 0;
    let mut references: Vec<String> = Vec::new();
    let mut planned = Vec::new();
    for (turn, (who, hours, text)) in talk.turns.iter().enumerate() {
        passed += hours;
        let message_id = format!("talk-{number}-{turn}@{}", domain(cast, *who));
        let others: Vec<Who> = talk
            .with
            .iter()
            .copied()
            .filter(|other| other != who)
            .collect();
        let quoted = quote(talk, turn, cast);
        let place = if talk.days > 60 {
            Place::Archive
        } else {
            Place::Inbox
        };
        let letter = Letter {
            from: person(cast, *who),
            to: others
                .first()
                .map(|other| person(cast, *other))
                .into_iter()
                .collect(),
            cc: others
                .iter()
                .skip(1)
                .map(|other| person(cast, *other))
                .collect(),
            subject: if turn == 0 {
                talk.subject.to_owned()
            } else {
                format!("Re: {}", talk.subject)
            },
            message_id: message_id.clone(),
            references: references.clone(),
            html: Some(html(text)),
            text: format!("{text}{quoted}"),
            attachments: attachments(talk.subject, turn),
            ..Letter::default()
        };
        references.push(message_id);
        let at = cast.ago(talk.days, 0) + jiff::SignedDuration::from_hours(passed);
        let mut labels = talk.labels.to_vec();
        labels.push("CATEGORY_PERSONAL");
        if turn == 0 && matches!(number, 0 | 4 | 6) {
            labels.push("STARRED");
        }
        // What Sam wrote last about the budget waits for an answer.
        if number == 0 && turn + 1 == talk.turns.len() {
            labels.push("UNREAD");
        }
        planned.push(Planned {
            at: at.min(cast.ago(0, 1)),
            letter,
            labels,
            place,
        });
    }
    planned
}

fn quote(talk: &Talk, turn: usize, cast: &Cast) -> String {
    let Some((who, _, text)) = turn
        .checked_sub(1)
        .and_then(|before| talk.turns.get(before))
    else {
        return String::new();
    };
    let lines: Vec<String> = text.lines().map(|line| format!("> {line}")).collect();
    format!(
        "\n\n{} wrote:\n{}\n",
        person(cast, *who).0,
        lines.join("\n")
    )
}

fn domain(cast: &Cast, who: Who) -> String {
    person(cast, who)
        .1
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn person(cast: &Cast, who: Who) -> (String, String) {
    match who {
        Alex => cast.alex.clone(),
        Sam => cast.sam.clone(),
        Priya => cast.colleague("Priya Raman"),
        Ingrid => cast.colleague("Ingrid Solberg"),
        Tomas => ("Tomás Herrera".into(), format!("tomas@{}", cast.domain)),
        Nadia => ("Nadia Haddad".into(), "nadia@northwind.example".into()),
        Lucas => ("Lucas Meyer".into(), "lucas@meyer-print.example".into()),
    }
}

fn attachments(subject: &str, turn: usize) -> Vec<super::super::compose::Attachment> {
    let table = |rows: &[[&str; 4]]| -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.map(str::to_owned).to_vec())
            .collect()
    };
    match (subject, turn) {
        ("Quarterly budget", 0) => vec![
            files::xlsx(
                "quarterly-budget.xlsx",
                "Operations",
                &table(&[
                    ["Line", "Last quarter", "This quarter", "Change %"],
                    ["Salaries", "184000", "186500", "1.4"],
                    ["Travel", "12400", "13900", "12.1"],
                    ["Equipment", "21000", "20150", "-4.0"],
                    ["Software", "8700", "9100", "4.6"],
                    ["Rent", "26400", "26400", "0"],
                    ["Total", "252500", "256050", "1.4"],
                ]),
            ),
            files::pdf(
                "budget-summary.pdf",
                &[
                    "Quarterly budget: summary for the board",
                    "",
                    "Total this quarter: EUR 256,050 (last quarter: EUR 252,500)",
                    "Travel rises by 12 % because of the supplier round.",
                    "Equipment falls by 4 %: the label printer is paid.",
                    "Decision needed: travel line, Friday 10:00.",
                ],
            ),
        ],
        ("Project Atlas: warehouse move", 2) => vec![files::xlsx(
            "move-plan.xlsx",
            "Plan",
            &table(&[
                ["Night", "Rows", "Pallets", "Lead"],
                ["1", "A to F", "32", "Tomás"],
                ["2", "G to M", "28", "Alex"],
            ]),
        )],
        ("Flyer: final proof", 0) => vec![files::pdf(
            "flyer-proof.pdf",
            &[
                "Open day at the new hall",
                "Saturday, 9:00 to 14:00",
                "Telephone: 555 0142",
            ],
        )],
        ("Contract renewal with Northwind", 0) => vec![files::docx(
            "frame-contract-draft.docx",
            &[
                "Frame contract",
                "1. Northwind Components delivers parts as listed in annex A.",
                "2. Prices stay as agreed for two years.",
                "3. Either side may end the contract with three months' notice.",
            ],
        )],
        ("Ideas for the spring catalogue", 0) => vec![files::docx(
            "catalogue-ideas.docx",
            &[
                "Ideas for the spring catalogue",
                "3. One product, one page, one story.",
                "7. Customers' workshops in pictures.",
            ],
        )],
        ("Notes from the supplier round", 0) => vec![files::docx(
            "supplier-round.docx",
            &[
                "Supplier round: notes",
                "Northwind keeps its prices. Two others raise theirs by 3 to 5 % in the autumn.",
                "Delivery times are back to normal.",
            ],
        )],
        _ => Vec::new(),
    }
}
