//! Server-sent events of bounded size.
//!
//! Invariant: one event never takes more memory than an answer may.

use bytes::Bytes;
use futures::{
    Stream, StreamExt,
    future::ready,
    stream::{BoxStream, iter},
};
use sse_stream::{Error as SseError, Sse, SseStream};

use crate::upstream::gather::{fits, gather};

/// An event that is larger than allowed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an event is larger than {0} bytes")]
struct TooLarge(usize);

/// The end of a stream by its source.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Source(#[from] reqwest::Error),
}

/// Whether an error is of an event that is too large.
pub(super) fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        // Whoever passes it on may keep no more of it than its words.
        if current.is::<TooLarge>() || current.to_string().contains("larger than") {
            return true;
        }
        error = current.source();
    }
    false
}

/// Reads events of at most `most` bytes.
pub(super) fn events(
    bytes: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
    most: usize,
) -> BoxStream<'static, Result<Sse, SseError>> {
    let mut assembly = Assembly::new(most);
    let whole = bytes.scan(false, move |failed, chunk| {
        if *failed {
            return ready(None);
        }
        let mut ended: Vec<Result<Bytes, Broken>> = Vec::new();
        let taken = chunk.map_err(Broken::from).and_then(|chunk| {
            let taken = assembly.take(&chunk, |event| ended.push(Ok(event)));
            taken.map_err(Broken::from)
        });
        if let Err(broken) = taken {
            *failed = true;
            ended.push(Err(broken));
        }
        ready(Some(iter(ended)))
    });
    SseStream::from_bytes_stream(whole.flatten()).boxed()
}

/// Puts events together out of chunks, so that the parser is given whole ones and has nothing to
/// keep.
struct Assembly {
    most: usize,
    /// The lines of the event that has begun, and the line that has; without comments.
    begun: Vec<u8>,
    /// Where the line begins.
    line: usize,
    after_return: bool,
}

impl Assembly {
    fn new(most: usize) -> Self {
        Self {
            most,
            begun: Vec::new(),
            line: 0,
            after_return: false,
        }
    }

    /// Gives the events that end in this chunk.
    fn take(&mut self, mut chunk: &[u8], mut ended: impl FnMut(Bytes)) -> Result<(), TooLarge> {
        while !chunk.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let Some(rest) = chunk.strip_prefix(b"\n")
            {
                chunk = rest;
                continue;
            }
            let end = chunk.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (part, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            self.keep(part)?;
            let Some((ending, rest)) = rest.split_first() else {
                break;
            };
            self.after_return = *ending == b'\r';
            chunk = rest;
            if let Some(event) = self.end_line()? {
                ended(event);
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Bytes>, TooLarge> {
        let line = self.begun.get(self.line..).unwrap_or_default();
        let ended = line.is_empty();
        if line.starts_with(b":") {
            self.begun.truncate(self.line);
        } else if !ended {
            self.keep(b"\n")?;
        } else if !self.begun.is_empty() {
            self.begun.push(b'\n');
        }
        if ended {
            self.line = 0;
            let event = std::mem::take(&mut self.begun);
            // The empty line is not counted.
            if !fits(&event, self.most.saturating_add(1)) {
                return Err(TooLarge(self.most));
            }
            return Ok((!event.is_empty()).then(|| event.into()));
        }
        self.line = self.begun.len();
        Ok(None)
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        // There is room for the empty line too, which is not counted.
        if self.begun.len() + part.len() <= self.most
            && gather(&mut self.begun, part, self.most.saturating_add(1))
        {
            Ok(())
        } else {
            Err(TooLarge(self.most))
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    async fn read(chunks: &[&'static str], most: usize) -> Vec<Result<String, String>> {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())))
            .collect();
        events(futures::stream::iter(chunks), most)
            .map(|event| match event {
                Ok(event) => Ok(event.data.unwrap_or_default()),
                Err(error) => Err(error.to_string()),
            })
            .collect()
            .await
    }

    #[tokio::test]
    async fn events_have_a_size() {
        let read_all = read(&["data: a\r", "\n\r\ndata: bc\n\n", ": ping\n: ping\n"], 10).await;
        assert_eq!(read_all, [Ok("a".to_owned()), Ok("bc".to_owned())]);
        let read_all = read(&["data: a\n\n", "data: 0123", "456789", "data: b\n\n"], 10).await;
        assert_eq!(read_all.len(), 2);
        assert!(
            read_all[1]
                .as_ref()
                .is_err_and(|error| error.contains("larger than 10"))
        );
    }

    #[test]
    fn what_is_not_ended_is_kept_once_and_comments_not_at_all() {
        let mut assembly = Assembly::new(1_000);
        let mut events = Vec::new();
        for chunk in [
            "data: a\r",
            "\n: ping",
            " and pong\n",
            "data",
            ": b\n",
            "\ndata: c\n",
        ] {
            let taken = assembly.take(chunk.as_bytes(), |event| events.push(event));
            assert!(taken.is_ok());
        }
        assert_eq!(events, ["data: a\ndata: b\n\n"]);
        assert_eq!(assembly.begun, b"data: c\n");
    }

    #[test]
    fn an_event_may_be_as_large_as_allowed() {
        let mut assembly = Assembly::new(10);
        let mut events = Vec::new();
        let mut take = |chunk: &str| assembly.take(chunk.as_bytes(), |event| events.push(event));
        assert!(take("data: abc\n\n").is_ok());
        assert!(take("data: abcd\n\n").is_err());
        assert_eq!(events.len(), 1);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            lines in prop::collection::vec(
                (prop_oneof!["data: [a-c]{0,5}", ": [a-c]{0,5}", ""], prop_oneof!["\n", "\r", "\r\n"]),
                0..20,
            ),
            cut in 1_usize..10,
        ) {
            let text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
            let bytes = Bytes::from(text);
            let data = |event: Result<Sse, SseError>| event.ok().and_then(|event| event.data);
            let once = iter([Ok::<_, Broken>(bytes.clone())]);
            let expected: Vec<_> = SseStream::from_bytes_stream(once)
                .map(data)
                .collect()
                .now_or_never()
                .unwrap_or_default();
            let chunks: Vec<_> = bytes.chunks(cut).map(|chunk| Ok(bytes.slice_ref(chunk))).collect();
            let got: Vec<_> = events(iter(chunks), 1_000)
                .map(data)
                .collect()
                .now_or_never()
                .unwrap_or_default();
            prop_assert_eq!(got, expected);
        }
    }
}
