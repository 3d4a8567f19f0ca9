//! Mail that comes by itself: newsletters, reports, build results, receipts, invitations to trips.
//!
//! Not conversations. Invariant: bulk mail carries `List-ID` and `List-Unsubscribe`, as real
//! newsletters do.

use super::{Cast, Letter, Place, Planned, files, html};
use crate::world::Chance;

/// Everything regular.
pub(super) fn all(cast: &Cast, chance: &mut Chance) -> Vec<Planned> {
    let mut all = newsletters(cast);
    all.extend(reports(cast, chance));
    all.extend(builds(cast, chance));
    all.extend(receipts(cast, chance));
    all.extend(community(cast));
    all.extend(spam(cast));
    all
}

fn planned(
    cast: &Cast,
    ago: (i64, i64),
    place: Place,
    labels: &[&'static str],
    letter: Letter,
) -> Planned {
    Planned {
        at: cast.ago(ago.0, ago.1),
        letter,
        labels: labels.to_vec(),
        place,
    }
}

/// What the newsletters write about, week by week.
const LEDGER: &[(&str, &str)] = &[
    (
        "Why small firms close their books early",
        "Three finance leads explain how they cut the month-end from nine days to four.",
    ),
    (
        "The quiet return of the paper invoice",
        "Some suppliers never left. What it costs to keep a scanner running.",
    ),
    (
        "Currency swings and your travel policy",
        "A simple band keeps surprises out of expense reports.",
    ),
    (
        "Five questions for your next audit",
        "Ask them before the auditors do.",
    ),
    (
        "Subscriptions nobody uses",
        "A spreadsheet, an hour, and a few cancelled renewals.",
    ),
    (
        "Forecasting without a crystal ball",
        "Ranges beat single numbers, and here is how to draw them.",
    ),
    (
        "When to hire a second bookkeeper",
        "The signs show up in the inbox first.",
    ),
    (
        "Energy prices: a reader's guide",
        "What the tariff letters really say.",
    ),
];

fn newsletters(cast: &Cast) -> Vec<Planned> {
    let mut all = Vec::new();
    for week in 0..17_i64 {
        let (title, lead) = LEDGER[usize::try_from(week).unwrap_or(0) % LEDGER.len()];
        let text = format!(
            "{title}\n\n{lead}\n\nAlso this week: two readers write back, and a short quiz.\n\nUnsubscribe at any time."
        );
        let body = format!(
            "<html><head><style>h1{{color:#123}}</style></head><body><h1>{title}</h1><p>{lead}</p>\
             <p>Also this week: two readers write back, and a <a href=\"https://weeklyledger.example/quiz\">short quiz</a>.</p>\
             <p><small><a href=\"https://weeklyledger.example/unsubscribe\">Unsubscribe</a></small></p></body></html>"
        );
        all.push(planned(
            cast,
            (week * 7 + 2, 5),
            if week < 2 {
                Place::Inbox
            } else {
                Place::Archive
            },
            &["CATEGORY_PROMOTIONS", "Newsletters"],
            Letter {
                from: (
                    "The Weekly Ledger".into(),
                    "news@weeklyledger.example".into(),
                ),
                to: vec![cast.alex.clone()],
                subject: format!("{title} | The Weekly Ledger"),
                message_id: format!("ledger-{week}@weeklyledger.example"),
                text,
                html: Some(body),
                headers: vec![
                    (
                        "List-ID".into(),
                        "The Weekly Ledger <weekly.weeklyledger.example>".into(),
                    ),
                    (
                        "List-Unsubscribe".into(),
                        "<https://weeklyledger.example/unsubscribe>".into(),
                    ),
                ],
                ..Letter::default()
            },
        ));
    }
    all
}

/// Every week's numbers from Priya, with a table.
fn reports(cast: &Cast, chance: &mut Chance) -> Vec<Planned> {
    let mut all = Vec::new();
    for week in 0..17_i64 {
        let mut rows = vec![vec![
            "Region".to_owned(),
            "Orders".to_owned(),
            "Returns".to_owned(),
        ]];
        let mut total = 0;
        for region in ["North", "South", "East", "West"] {
            let orders = 80 + chance.below(60);
            total += orders;
            rows.push(vec![
                region.to_owned(),
                orders.to_string(),
                chance.below(9).to_string(),
            ]);
        }
        let bars: Vec<u32> = rows
            .iter()
            .skip(1)
            .filter_map(|row| row[1].parse().ok())
            .map(|orders: u32| orders / 2)
            .collect();
        let number = 17 - week;
        let text = format!(
            "Hi all,\n\nweek {number}: {total} orders in total. The table is attached.\n\nBest\nPriya"
        );
        let mut attachments = vec![files::csv(&format!("orders-week-{number:02}.csv"), &rows)];
        if week % 4 == 0 {
            attachments.push(files::png("orders.png", &bars, [11, 87, 208]));
        }
        all.push(planned(
            cast,
            (week * 7 + 3, 2),
            if week < 8 {
                Place::Inbox
            } else {
                Place::Archive
            },
            &["CATEGORY_PERSONAL", "Reports"],
            Letter {
                from: cast.colleague("Priya Raman"),
                to: vec![cast.alex.clone(), cast.sam.clone()],
                subject: format!("Orders, week {number}"),
                message_id: format!("orders-{number}@{}", cast.domain),
                html: Some(html(&text)),
                text,
                attachments,
                ..Letter::default()
            },
        ));
    }
    all
}

/// Results of nightly jobs.
fn builds(cast: &Cast, chance: &mut Chance) -> Vec<Planned> {
    let jobs = [
        "inventory-sync",
        "price-import",
        "nightly-backup",
        "label-printer",
    ];
    (0..80_i64)
        .map(|at| {
            let job = *chance.pick(&jobs);
            let failed = chance.below(9) == 0;
            let (word, place) = if failed {
                ("failed", Place::Inbox)
            } else {
                ("finished", Place::Archive)
            };
            let minutes = 2 + chance.below(40);
            let text = format!(
                "Job: {job}\nResult: {word}\nDuration: {minutes} min\n\nhttps://jobs.{}/{job}/{}",
                cast.domain,
                4200 + at
            );
            planned(
                cast,
                (at * 3 / 2, 9 + at % 5),
                place,
                &["CATEGORY_UPDATES"],
                Letter {
                    from: ("Job Runner".into(), format!("jobs@{}", cast.domain)),
                    to: vec![cast.alex.clone()],
                    subject: format!("[jobs] {job} {word} (#{})", 4200 + at),
                    message_id: format!("job-{at}@{}", cast.domain),
                    text,
                    headers: vec![
                        ("List-ID".into(), format!("jobs <jobs.{}>", cast.domain)),
                        ("Auto-Submitted".into(), "auto-generated".into()),
                    ],
                    ..Letter::default()
                },
            )
        })
        .collect()
}

fn receipts(cast: &Cast, chance: &mut Chance) -> Vec<Planned> {
    let shops = [
        (
            "Rail Direct",
            "tickets@raildirect.example",
            "Your ticket",
            "Travel",
        ),
        (
            "Copperline Hosting",
            "billing@copperline.example",
            "Invoice",
            "Receipts",
        ),
        (
            "Bluebird Office Supply",
            "orders@bluebird.example",
            "Order confirmation",
            "Receipts",
        ),
    ];
    (0..24_i64)
        .map(|at| {
            let (name, address, what, label) =
                shops[usize::try_from(at).unwrap_or(0) % shops.len()];
            let number = format!("{}-{}", 2100 + at, chance.below(9000) + 1000);
            let amount = format!("{}.{:02}", 12 + chance.below(240), chance.below(100));
            let text = format!(
                "Thank you for your purchase.\n\nNumber: {number}\nAmount: EUR {amount}\n\n{name}"
            );
            let lines = [
                name,
                what,
                "",
                &format!("Number: {number}"),
                &format!("Amount: EUR {amount}"),
            ]
            .map(str::to_owned);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            planned(
                cast,
                (at * 5 + 1, at % 11),
                if at < 4 { Place::Inbox } else { Place::Archive },
                &["CATEGORY_UPDATES", label],
                Letter {
                    from: (name.into(), address.into()),
                    to: vec![cast.alex.clone()],
                    subject: format!("{what} {number}"),
                    message_id: format!(
                        "receipt-{number}@{}",
                        address.split('@').nth(1).unwrap_or_default()
                    ),
                    html: Some(html(&text)),
                    text,
                    attachments: vec![files::pdf(&format!("{number}.pdf"), &lines)],
                    ..Letter::default()
                },
            )
        })
        .collect()
}

/// A club's mailing list.
fn community(cast: &Cast) -> Vec<Planned> {
    let people = [
        "Jonas Lindqvist",
        "Maren Albrecht",
        "Theo Castellan",
        "Rosa Villanueva",
    ];
    let topics = [
        "Saturday ride: meet at the harbour",
        "Lost glove after Sunday's ride",
        "Route for the spring tour",
        "Who has a spare 28 mm tyre?",
        "Photos from the lighthouse loop",
        "Club dinner",
        "New bridge is open",
        "Early start this week",
        "Helmet recall notice",
        "Map of water fountains",
    ];
    (0..40_i64)
        .map(|at| {
            let place = usize::try_from(at).unwrap_or(0);
            let (who, topic) = (people[place % people.len()], topics[place % topics.len()]);
            let first = who.split(' ').next().unwrap_or(who).to_lowercase();
            let text = format!(
                "Hello everybody,\n\n{topic}. Details as always on the board.\n\n{}",
                who.split(' ').next().unwrap_or(who)
            );
            planned(
                cast,
                (at * 3, 7 + at % 6),
                if at < 8 { Place::Inbox } else { Place::Archive },
                &["CATEGORY_FORUMS"],
                Letter {
                    from: (who.into(), format!("{first}@harborcycling.example")),
                    to: vec![
                        (String::new(), "riders@harborcycling.example".into()),
                        cast.alex.clone(),
                    ],
                    subject: format!("[riders] {topic}"),
                    message_id: format!("riders-{at}@harborcycling.example"),
                    text,
                    headers: vec![(
                        "List-ID".into(),
                        "Harbor Cycling Club <riders.harborcycling.example>".into(),
                    )],
                    ..Letter::default()
                },
            )
        })
        .collect()
}

fn spam(cast: &Cast) -> Vec<Planned> {
    let offers = [
        ("You have been selected", Place::Spam),
        ("Re: your parcel", Place::Spam),
        ("Office plants, half price", Place::Trash),
        ("Last chance: webinar on stapling", Place::Trash),
    ];
    offers
        .into_iter()
        .enumerate()
        .map(|(at, (subject, place))| {
            let days = 2 + i64::try_from(at).unwrap_or(0) * 4;
            planned(
                cast,
                (days, 3),
                place,
                &[],
                Letter {
                    from: ("Best Offers".into(), "win@offers.invalid".into()),
                    to: vec![cast.alex.clone()],
                    subject: subject.into(),
                    message_id: format!("offer-{at}@offers.invalid"),
                    text: "Click below to claim what is yours.".into(),
                    ..Letter::default()
                },
            )
        })
        .collect()
}
