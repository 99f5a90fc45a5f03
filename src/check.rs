//! `satscope check`: whether `satscope run` would find all that it needs with the same settings, on one screen or in JSON.
//! Nothing is changed.

mod blocks;
mod ports;
mod screen;

use std::{io::IsTerminal as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::ValueEnum;
use satscope_ingest::check::{Finding, check};
use serde::Serialize;

use crate::{
    output,
    parts::Parts,
    process::{self, ProcessSettings},
};

/// How the findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One screen for people
    Text,
    /// One object for programs
    Json,
}

/// Looks, and writes the findings to standard output.
///
/// The exit code is 1 if anything is wrong, and 0 with warnings alone.
///
/// # Errors
/// When standard output cannot be written to.
pub fn run(process: &ProcessSettings, parts: &Parts, format: Format) -> anyhow::Result<ExitCode> {
    let runtime = process::runtime()?;
    let findings = runtime.block_on(async {
        let (checked, ports) = tokio::join!(check(&parts.ingest), ports::free(process, parts));
        let block_files = blocks::files(parts, &checked).await;
        let mut findings = checked.findings;
        findings.extend(block_files);
        findings.extend(process::check_token(process));
        findings.extend(parts.gateway.fx_file.as_deref().map(exchange_rates));
        findings.push(ports);
        findings
    });
    // A name that no resolver answers, or a ZMQ thread that has not ended yet, must not hold the process.
    runtime.shutdown_background();
    let text = match format {
        Format::Text => {
            let is_color_off = std::env::var_os("NO_COLOR").is_some_and(|word| !word.is_empty());
            let is_colored = std::io::stdout().is_terminal() && !is_color_off;
            screen::text(&findings, is_colored)
        }
        Format::Json => as_json(&findings)?,
    };
    output::write(&text)?;
    Ok(match first_to_fix(&findings) {
        Some(_) => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// Whether the gateway could use the operator's exchange rates. Without them, prices are in dollars alone.
fn exchange_rates(path: &Path) -> Finding {
    let name = path.display();
    match satscope_gateway::check_fx_file(path) {
        Ok(0) => Finding::warning(
            "exchange_rates",
            format!("{name}: no rate within 7 days of now"),
            "write today's rates into fx_file to have prices of now in other currencies",
        ),
        Ok(count) => Finding::ok(
            "exchange_rates",
            format!("{name}: currencies with a rate of now: {count}"),
        ),
        Err(fault) => Finding::warning(
            "exchange_rates",
            format!("{name} cannot be used: {fault}"),
            "mend fx_file, or leave it out; until then prices are in dollars alone",
        ),
    }
}

/// The first finding that is wrong, and what to do; `None` if no finding is wrong.
fn first_to_fix(findings: &[Finding]) -> Option<(&Finding, &str)> {
    let mut wrong = findings
        .iter()
        .filter_map(|finding| Some((finding, finding.to_fix()?)));
    wrong.next()
}

/// The findings as one object.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "Option::is_none")]
    first_to_fix: Option<&'a Finding>,
}

fn as_json(findings: &[Finding]) -> anyhow::Result<String> {
    let first = first_to_fix(findings).map(|(finding, _)| finding);
    let report = Report {
        ok: first.is_none(),
        findings,
        first_to_fix: first,
    };
    let text = serde_json::to_string_pretty(&report).context("writing JSON")?;
    Ok(text + "\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn exchange_rates_that_cannot_be_used_are_a_warning_with_the_line() {
        let file = std::env::temp_dir().join(format!("satscope-check-{}", std::process::id()));
        std::fs::write(&file, "EUR,0.92\n").unwrap();
        assert!(
            exchange_rates(&file)
                .said()
                .ends_with("with a rate of now: 1")
        );
        for (content, expected) in [
            ("EUR,0.92,2019-01-01\n", "no rate within 7 days of now"),
            ("EUR,0.92\neur,1\n", "line 2: currency"),
        ] {
            std::fs::write(&file, content).unwrap();
            let finding = exchange_rates(&file);
            assert!(finding.said().contains(expected), "{finding:?}");
            assert_eq!(finding.to_fix(), None, "prices in dollars go on");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(exchange_rates(&file).said().contains("No such file"));
    }

    #[test]
    fn json_repeats_the_first_that_is_wrong() {
        let findings = [
            Finding::ok("login", "the cookie"),
            Finding::warning("queues", "small", "add a line"),
            Finding::wrong("topics", "no sequence", "add zmqpubsequence"),
            Finding::wrong("ports", "taken", "set another"),
        ];
        let report: serde_json::Value = serde_json::from_str(&as_json(&findings).unwrap()).unwrap();
        assert_eq!(report["ok"], false);
        assert_eq!(report["findings"].as_array().unwrap().len(), 4);
        assert_eq!(report["first_to_fix"], report["findings"][2]);
        let report: serde_json::Value =
            serde_json::from_str(&as_json(&findings[..2]).unwrap()).unwrap();
        assert_eq!(report["ok"], true);
        assert_eq!(report.get("first_to_fix"), None);
    }
}
