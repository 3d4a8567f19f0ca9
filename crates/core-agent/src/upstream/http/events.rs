//! Server-sent events of bounded size.
//!
//! Invariant: one event never takes more memory than an answer may.

use bytes::Bytes;
use futures::{Stream, StreamExt, future::ready, stream::BoxStream};
use sse_stream::{Error as SseError, Sse, SseStream};

/// An event that is larger than allowed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an event is larger than {0} bytes")]
pub(super) struct TooLarge(usize);

/// The end of a stream by its source.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Source(#[from] reqwest::Error),
}

/// Reads events of at most `most` bytes.
pub(super) fn events(
    bytes: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
    most: usize,
) -> BoxStream<'static, Result<Sse, SseError>> {
    let mut measure = Measure::new(most);
    let bounded = bytes.scan(false, move |failed, chunk| {
        if *failed {
            return ready(None);
        }
        let checked = chunk
            .map_err(Broken::from)
            .and_then(|chunk| measure.take(&chunk).map(|()| chunk).map_err(Broken::from));
        *failed = checked.is_err();
        ready(Some(checked))
    });
    SseStream::from_bytes_stream(bounded).boxed()
}

/// Counts the bytes of an event that the parser must keep.
struct Measure {
    most: usize,
    event: usize,
    line: usize,
    comment: bool,
    after_return: bool,
}

impl Measure {
    fn new(most: usize) -> Self {
        Self {
            most,
            event: 0,
            line: 0,
            comment: false,
            after_return: false,
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        for byte in chunk {
            let second = std::mem::take(&mut self.after_return) && *byte == b'\n';
            match byte {
                _ if second => {}
                b'\r' | b'\n' => {
                    self.after_return = *byte == b'\r';
                    self.end_line();
                }
                _ => {
                    self.comment = if self.line == 0 {
                        *byte == b':'
                    } else {
                        self.comment
                    };
                    self.line += 1;
                }
            }
            if self.event + self.line > self.most {
                return Err(TooLarge(self.most));
            }
        }
        Ok(())
    }

    fn end_line(&mut self) {
        match self.line {
            0 => self.event = 0,
            line if !self.comment => self.event += line + 1,
            _ => {}
        }
        self.line = 0;
        self.comment = false;
    }
}

#[cfg(test)]
mod tests {
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
}
