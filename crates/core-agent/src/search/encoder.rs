//! A static sentence encoder read from a folder: the mean of its tokens' vectors.
//!
//! The folder holds one `*.safetensors` with one table of vectors (F16 or F32) and one
//! `*tokenizer*.json`, as model2vec and WordLlama publish them. Not a neural network: there are no
//! layers to run, and no crates are needed.
//! Invariant: whatever the files say, nothing is read outside of them and no index is out of range.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The largest files that are read.
const LARGEST: u64 = 512 << 20;
/// How many words of a text are encoded.
const MOST_WORDS: usize = 200;
/// The longest word that is taken apart, in characters.
const LONGEST_WORD: usize = 48;

/// A static encoder.
pub(super) struct Encoder {
    tokens: Tokens,
    table: Vec<f32>,
    width: usize,
}

/// Why a folder holds no encoder.
#[derive(Debug, thiserror::Error)]
#[error(
    "the folder {folder} holds no static encoder: {why}; it needs one *.safetensors with one table and one *tokenizer*.json of kind BPE or WordPiece"
)]
pub(super) struct EncoderError {
    folder: PathBuf,
    why: String,
}

enum Tokens {
    /// Pieces are joined in the order of the merges, as in Llama.
    Pairs {
        ids: HashMap<String, usize>,
        ranks: HashMap<(String, String), usize>,
    },
    /// The longest known piece first, as in BERT.
    Pieces { ids: HashMap<String, usize> },
}

impl Encoder {
    /// Reads a folder.
    pub(super) fn load(folder: &Path) -> Result<Self, EncoderError> {
        read(folder).map_err(|why| EncoderError {
            folder: folder.to_owned(),
            why,
        })
    }

    /// The direction of a text; nothing when it has no known token.
    pub(super) fn embed(&self, text: &str) -> Option<Vec<f32>> {
        let mut sum = vec![0.0_f32; self.width];
        for word in text.split_whitespace().take(MOST_WORDS) {
            for id in self.tokens.of(word) {
                let begin = id.checked_mul(self.width)?;
                let Some(row) = self.table.get(begin..begin + self.width) else {
                    continue;
                };
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_normal() {
            return None;
        }
        for value in &mut sum {
            *value /= length;
        }
        Some(sum)
    }
}

/// How near two directions are.
pub(super) fn nearness(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

impl Tokens {
    fn of(&self, word: &str) -> Vec<usize> {
        match self {
            Self::Pairs { ids, ranks } => pairs(word, ids, ranks),
            Self::Pieces { ids } => {
                let lower = word.to_lowercase();
                let parts = lower.split(|character: char| !character.is_alphanumeric());
                parts.flat_map(|part| pieces(part, ids)).collect()
            }
        }
    }
}

fn pairs(
    word: &str,
    ids: &HashMap<String, usize>,
    ranks: &HashMap<(String, String), usize>,
) -> Vec<usize> {
    let mut parts: Vec<String> = std::iter::once('▁')
        .chain(word.chars().take(LONGEST_WORD))
        .map(String::from)
        .collect();
    loop {
        let best = parts
            .windows(2)
            .enumerate()
            .filter_map(|(at, pair)| {
                let [left, right] = pair else { return None };
                let rank = ranks.get(&(left.clone(), right.clone()))?;
                Some((*rank, at))
            })
            .min();
        let Some((_, at)) = best else { break };
        let right = parts.remove(at + 1);
        if let Some(left) = parts.get_mut(at) {
            left.push_str(&right);
        }
    }
    parts
        .iter()
        .filter_map(|part| ids.get(part).copied())
        .collect()
}

fn pieces(word: &str, ids: &HashMap<String, usize>) -> Vec<usize> {
    let characters: Vec<char> = word.chars().take(LONGEST_WORD).collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < characters.len() {
        let known = (at + 1..=characters.len()).rev().find_map(|end| {
            let piece: String = characters.iter().take(end).skip(at).collect();
            let piece = if at == 0 { piece } else { format!("##{piece}") };
            ids.get(&piece).map(|id| (*id, end))
        });
        // A word with an unknown piece is an unknown word.
        let Some((id, end)) = known else {
            return Vec::new();
        };
        found.push(id);
        at = end;
    }
    found
}

fn read(folder: &Path) -> Result<Encoder, String> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    names.sort();
    let named = |fits: fn(&str) -> bool| {
        let name = |path: &&PathBuf| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(fits)
        };
        names.iter().find(name)
    };
    let table = named(|name| {
        Path::new(name)
            .extension()
            .is_some_and(|end| end == "safetensors")
    })
    .ok_or("there are no vectors")?;
    let words = named(|name| {
        name.contains("tokenizer") && Path::new(name).extension().is_some_and(|end| end == "json")
    })
    .ok_or("there is no tokenizer")?;
    let words: Value =
        serde_json::from_slice(&file(words)?).map_err(|error| format!("the tokenizer: {error}"))?;
    let tokens = tokens(&words["model"])?;
    let (table, width) = vectors(&file(table)?)?;
    Ok(Encoder {
        tokens,
        table,
        width,
    })
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > LARGEST {
        return Err(format!("{} is too large", path.display()));
    }
    fs::read(path).map_err(|error| error.to_string())
}

fn tokens(model: &Value) -> Result<Tokens, String> {
    let ids: HashMap<String, usize> = model["vocab"]
        .as_object()
        .ok_or("the tokenizer has no vocabulary")?
        .iter()
        .filter_map(|(piece, id)| Some((piece.clone(), usize::try_from(id.as_u64()?).ok()?)))
        .collect();
    match model["type"].as_str() {
        Some("WordPiece") => Ok(Tokens::Pieces { ids }),
        Some("BPE") => {
            let merges = model["merges"].as_array().ok_or("there are no merges")?;
            let pair = |merge: &Value| match merge {
                Value::String(text) => text
                    .split_once(' ')
                    .map(|(left, right)| (left.to_owned(), right.to_owned())),
                Value::Array(parts) => match parts.as_slice() {
                    [Value::String(left), Value::String(right)] => {
                        Some((left.clone(), right.clone()))
                    }
                    _ => None,
                },
                _ => None,
            };
            let ranks = merges
                .iter()
                .enumerate()
                .filter_map(|(rank, merge)| Some((pair(merge)?, rank)))
                .collect();
            Ok(Tokens::Pairs { ids, ranks })
        }
        other => Err(format!("the tokenizer is of kind {other:?}")),
    }
}

/// The table of a safetensors file: eight bytes of length, a JSON head, the data.
fn vectors(bytes: &[u8]) -> Result<(Vec<f32>, usize), String> {
    let (length, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or("the vectors are cut off")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|e| e.to_string())?;
    let (head, data) = rest
        .split_at_checked(length)
        .ok_or("the vectors are cut off")?;
    let head: Value = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    let tables = head.as_object().ok_or("the head is no object")?;
    let number = |value: &Value| {
        value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    };
    let table = tables
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(_, table)| table)
        .find(|table| {
            table["shape"]
                .as_array()
                .is_some_and(|shape| shape.len() == 2)
        })
        .ok_or("there is no table")?;
    let width = number(&table["shape"][1]).filter(|width| (1..=4096).contains(width));
    let width = width.ok_or("the table has no usable width")?;
    let from = number(&table["data_offsets"][0]).ok_or("the table has no place")?;
    let to = number(&table["data_offsets"][1]).ok_or("the table has no place")?;
    let data = data.get(from..to).ok_or("the vectors are cut off")?;
    let values = match table["dtype"].as_str() {
        Some("F32") => data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect(),
        Some("F16") => data
            .as_chunks::<2>()
            .0
            .iter()
            .map(|bytes| half(u16::from_le_bytes(*bytes)))
            .collect(),
        other => return Err(format!("the vectors are of kind {other:?}")),
    };
    Ok((values, width))
}

/// A number of half precision, IEEE 754.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x3ff);
    match (exponent, fraction) {
        (0, fraction) => {
            let value = f32::from(u16::try_from(fraction).unwrap_or_default()) / 16_777_216.0;
            if sign == 0 { value } else { -value }
        }
        (0x1f, fraction) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        (exponent, fraction) => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn folder(model: &Value, rows: &[[u16; 2]]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = json!({ "model": model }).to_string();
        fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
        let data: Vec<u8> = rows
            .iter()
            .flatten()
            .flat_map(|bits| bits.to_le_bytes())
            .collect();
        let head = json!({ "embedding": { "dtype": "F16", "shape": [rows.len(), 2], "data_offsets": [0, data.len()] } }).to_string();
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head.as_bytes());
        bytes.extend(data);
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        folder
    }

    /// One in half precision.
    const ONE: u16 = 0x3c00;

    #[test]
    fn half_numbers_are_read() {
        for (bits, value) in [
            (ONE, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0, 0.0),
        ] {
            assert!((half(bits) - value).abs() < 1e-9, "{bits:x}");
        }
        assert!(half(0x7c00).is_infinite());
    }

    #[test]
    fn pairs_are_merged_in_order() {
        let model = json!({ "type": "BPE", "vocab": { "▁ma": 0, "il": 1, "▁mail": 2, "▁cat": 3 },
            "merges": ["▁ m", "▁m a", "i l", "▁ma il", "▁ c", "▁c a", "▁ca t"] });
        let folder = folder(&model, &[[0, 0], [0, 0], [ONE, 0], [0, ONE]]);
        let encoder = Encoder::load(folder.path()).unwrap();
        assert_eq!(encoder.embed("mail"), Some(vec![1.0, 0.0]));
        let both = encoder.embed("mail cat").unwrap();
        assert!((nearness(&both, &[1.0, 0.0]) - 0.707).abs() < 0.001);
        assert_eq!(encoder.embed("zzz"), None);
    }

    #[test]
    fn longest_pieces_come_first() {
        let model = json!({ "type": "WordPiece", "vocab": { "mail": 0, "##box": 1, "m": 2 } });
        let folder = folder(&model, &[[ONE, 0], [0, ONE], [ONE, ONE]]);
        let encoder = Encoder::load(folder.path()).unwrap();
        assert_eq!(encoder.embed("Mail"), Some(vec![1.0, 0.0]));
        assert!(encoder.embed("mailbox").unwrap()[1] > 0.7);
    }

    #[test]
    fn broken_files_are_refused() {
        let folder = folder(&json!({ "type": "Unigram", "vocab": {} }), &[]);
        assert!(Encoder::load(folder.path()).is_err());
        for bytes in [&b""[..], b"12345678", &[255; 16], b"\x02\0\0\0\0\0\0\0{}"] {
            assert!(vectors(bytes).is_err());
        }
    }
}
