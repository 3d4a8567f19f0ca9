//! What a person watching sees.

use std::fmt::Display;

use tokio::time::Instant;

use crate::commands::Printer;

/// Tells steps, and remembers which did not work.
#[derive(Debug)]
pub struct Show {
    quiet: bool,
    began: Instant,
    steps: usize,
    failed: Vec<String>,
}

impl Show {
    /// Begins. A quiet one tells only how each step ended.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            began: Instant::now(),
            steps: 0,
            failed: Vec::new(),
        }
    }

    /// A step begins.
    pub(super) fn step(&mut self, title: &str) {
        self.steps += 1;
        if !self.quiet {
            Printer.line("");
        }
        Printer.line(&format!("{}. {title}", self.steps));
    }

    /// A line of a step.
    pub(super) fn line(&self, text: impl Display) {
        if !self.quiet {
            for line in text.to_string().lines() {
                Printer.line(&format!("   {line}"));
            }
        }
    }

    /// How a step ended.
    pub(super) fn end(&mut self, title: &str, outcome: &anyhow::Result<()>) {
        if let Err(error) = outcome {
            Printer.line(&format!("   FAILED: {error:#}"));
            self.failed.push(title.to_owned());
        }
    }

    /// The last line, and whether everything worked.
    pub fn finish(&self) -> bool {
        let took = self.began.elapsed().as_secs_f64();
        if self.failed.is_empty() {
            let steps = self.steps;
            Printer.line(&format!("\n{steps} steps in {took:.1} s, all worked."));
        } else {
            let failed = self.failed.join(", ");
            Printer.line(&format!(
                "\n{} of {} steps failed after {took:.1} s: {failed}",
                self.failed.len(),
                self.steps
            ));
        }
        self.failed.is_empty()
    }
}
