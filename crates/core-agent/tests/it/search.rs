//! How well tools are found: requests in everyday words over the real definitions.
//!
//! The weights were tuned on the `train` half; what is told and judged here is the `test` half.
//! Invariant: the rankers are compared on the same requests over the same tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use core_agent::{
    catalogue::Catalogue,
    search::{Ranker, SearchQuery},
};
use serde::Deserialize;

use crate::definitions::{listed, real};

/// One request, and which tools would do.
#[derive(Deserialize)]
struct Request {
    half: String,
    source: String,
    text: String,
    /// Each need is met by any one of its tools.
    needs: Vec<BTreeSet<String>>,
}

/// How good an order is.
#[derive(Clone, Copy, Default)]
struct Figures {
    recall: f64,
    ndcg: f64,
    first: f64,
    count: f64,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.recall += other.recall;
        self.ndcg += other.ndcg;
        self.first += other.first;
        self.count += other.count;
    }

    fn mean(self) -> Self {
        Self {
            recall: self.recall / self.count,
            ndcg: self.ndcg / self.count,
            first: self.first / self.count,
            count: self.count,
        }
    }
}

#[tokio::test]
async fn everyday_words_find_more_than_plain_bm25() {
    let folder = tempfile::tempdir().unwrap();
    let servers = real();
    let catalogue = listed(folder.path(), &servers).await;
    let requests = requests();
    let tools = catalogue.view().tools.len();
    assert_eq!((tools, servers.len(), requests.len()), (2_297, 45, 289));
    println!(
        "{tools} tools of {} servers, {} requests",
        servers.len(),
        requests.len()
    );
    println!("| half | ranker | requests | recall@5 | nDCG@10 | first is right |");
    let mut test = BTreeMap::new();
    for half in ["train", "test"] {
        for (name, ranker) in [("bm25", Ranker::Bm25), ("words", Ranker::Words)] {
            let mut sum = Figures::default();
            let mut by_source: BTreeMap<&str, Figures> = BTreeMap::new();
            for request in requests.iter().filter(|request| request.half == half) {
                let figures = judge(&catalogue, request, ranker);
                sum.add(figures);
                let source = request.source.split(' ').next().unwrap_or_default();
                by_source.entry(source).or_default().add(figures);
            }
            let told = |what: &str, figures: Figures| {
                let mean = figures.mean();
                println!(
                    "| {half} | {name}{what} | {} | {:.3} | {:.3} | {:.3} |",
                    mean.count, mean.recall, mean.ndcg, mean.first
                );
            };
            told("", sum);
            for (source, figures) in by_source {
                told(&format!(" ({source})"), figures);
            }
            if half == "test" {
                test.insert(name, sum.mean());
            }
        }
    }
    let (plain, ours) = (test["bm25"], test["words"]);
    // What the README says.
    assert_eq!(format!("{:.0} {:.2}", ours.count, plain.recall), "139 0.42");
    assert!(ours.recall >= 0.685, "recall@5 is {:.3}", ours.recall);
    assert!(
        ours.recall >= plain.recall + 0.05,
        "recall@5 must beat plain BM25 by 0.05"
    );
    assert!(
        ours.ndcg >= plain.ndcg + 0.05,
        "nDCG@10 must beat plain BM25 by 0.05"
    );
}

fn requests() -> Vec<Request> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/search/requests.jsonl");
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn judge(catalogue: &Catalogue, request: &Request, ranker: Ranker) -> Figures {
    let hits = catalogue.search(&SearchQuery {
        ranker,
        ..SearchQuery::new(request.text.clone())
    });
    let found: Vec<String> = hits
        .iter()
        .map(|hit| format!("{}/{}", hit.tool.server, hit.tool.original.name))
        .collect();
    let met = request
        .needs
        .iter()
        .filter(|need| found.iter().take(5).any(|tool| need.contains(tool)))
        .count();
    let relevant: BTreeSet<&String> = request.needs.iter().flatten().collect();
    let gain = |place: usize| 1.0 / (number(place) + 2.0).log2();
    let gained: f64 = found
        .iter()
        .take(10)
        .enumerate()
        .filter(|(_, tool)| relevant.contains(tool))
        .map(|(place, _)| gain(place))
        .sum();
    let ideal: f64 = (0..relevant.len().min(10)).map(gain).sum();
    Figures {
        recall: number(met) / number(request.needs.len()),
        ndcg: gained / ideal,
        first: f64::from(found.first().is_some_and(|tool| relevant.contains(tool))),
        count: 1.0,
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
