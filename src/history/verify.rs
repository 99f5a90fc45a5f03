//! `satscope history verify`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use satscope_historian::{
    node::CoreNode,
    pack::{Claims, Common, Finding, Missing, Periods, Verdict, Verifier, common},
    text::hex,
};
use satscope_kit::config::NodeSettings;

use super::place::{self, FileSettings, periods};
use crate::{output, process};

/// The exit code if nothing differs, and the node's blocks did not suffice for all that was asked.
const INCOMPLETE: u8 = 3;

/// `satscope history verify`.
#[derive(Args, Debug)]
pub struct VerifySettings {
    /// The pack to verify [default: the history itself]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// How many periods are read again, chosen by the system's randomness, or "all"
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = count)]
    periods: Periods,
    #[command(flatten)]
    history: FileSettings,
    #[command(flatten)]
    node: NodeSettings,
}

fn count(text: &str) -> Result<Periods, String> {
    match text {
        "all" => Ok(Periods::All),
        _ => match text.parse() {
            Ok(count @ 1..) => Ok(Periods::Some(count)),
            _ => Err("expected a number of periods from 1 on, or all".to_owned()),
        },
    }
}

/// Verifies, and writes what was found to standard output.
///
/// # Errors
/// When a file cannot be read, or the node does not answer.
pub fn run(settings: &VerifySettings) -> anyhow::Result<ExitCode> {
    let is_standin = settings.node.node_is_standin;
    let mut differs = false;
    let claims = match &settings.file {
        None => Claims::History(settings.history.readers(is_standin)?),
        Some(file) => {
            if let Some(readers) = settings.history.find(is_standin)? {
                let common = common(&readers, file)?;
                differs = !common.differing.is_empty();
                output::write(&common_text(&common, &readers.path().display().to_string()))?;
            }
            Claims::Pack(file.clone())
        }
    };
    let means = place::node(&settings.node, "the rows are proved by its blocks")?;
    let runtime = process::runtime()?;
    let verdict = runtime.block_on(async {
        let verifier: Verifier<CoreNode> = Verifier::new(means, claims).await?;
        let mut written = Ok(());
        let tell = |finding: &Finding| {
            if written.is_ok() {
                written = output::write(&finding_text(finding));
            }
        };
        let verdict = verifier.run(settings.periods, tell).await?;
        written.context("the findings").map(|()| verdict)
    })?;
    runtime.shutdown_background();
    output::write(&verdict_text(&verdict))?;
    Ok(match differs || !verdict.differing.is_empty() {
        true => ExitCode::FAILURE,
        false if verdict.is_complete() => ExitCode::SUCCESS,
        false => ExitCode::from(INCOMPLETE),
    })
}

/// The comparison of a pack with the history of this folder.
fn common_text(common: &Common, history: &str) -> String {
    let mut lines = vec![
        format!("hash of the pack: {}", hex(&common.hash)),
        format!("{} periods are the same in {history}", common.same),
    ];
    for (numbers, what) in [
        (&common.differing, "DIFFERENT there"),
        (&common.only_pack, "only in the pack"),
        (&common.only_history, "only in that history"),
    ] {
        if !numbers.is_empty() {
            lines.push(format!("{what}: {}", periods(numbers)));
        }
    }
    lines.join("\n") + "\n"
}

fn finding_text(finding: &Finding) -> String {
    let period = finding.period;
    match &finding.difference {
        None => format!("period {period}: the same to the byte\n"),
        Some(difference) => format!("period {period} DIFFERS: {difference}\n"),
    }
}

/// The verdict, with what it proves.
fn verdict_text(verdict: &Verdict) -> String {
    let Verdict { claimed, read, .. } = verdict;
    let mut lines = Vec::new();
    if verdict.other_model > 0 {
        lines.push(format!(
            "not read again, because another model made them: {} periods",
            verdict.other_model
        ));
    }
    for (missing, why) in [
        (
            Missing::Pruned,
            "because the node has pruned blocks of them",
        ),
        (
            Missing::Above,
            "because the node does not have 18 blocks on top of them",
        ),
        (Missing::Below, "because the chain has no prices so early"),
    ] {
        let numbers = verdict
            .missing
            .iter()
            .filter(|(_, found)| *found == missing);
        let numbers: Vec<u32> = numbers.map(|(period, _)| *period).collect();
        if !numbers.is_empty() {
            lines.push(format!(
                "not read again, {why}: periods {}",
                periods(&numbers)
            ));
        }
    }
    let differing = match &verdict.differing[..] {
        [] if *read == 0 => "nothing is proved".to_owned(),
        [] => "all are the same to the byte".to_owned(),
        numbers => format!("DIFFERENT: {}", periods(numbers)),
    };
    lines.push(format!(
        "{read} of {claimed} periods were read from the node's blocks again: {differing}"
    ));
    if verdict.differing.is_empty() && *read > 0 {
        lines.push(match read == claimed {
            true => "This proves that no period is forged.".to_owned(),
            false => format!(
                "This proves these {read}. If one of the {claimed} were forged, the chance to find it was {:.0} %; reading all finds it \
                 with certainty (--periods all).",
                verdict.chance_percent()
            ),
        });
    }
    if !verdict.unverified.is_empty() {
        lines.push(format!(
            "Unverified in the history: periods {}. Nothing was written, because one process alone writes the file. A historian \
             with this node reads those again whose blocks the node still has, and keeps its own rows.",
            periods(&verdict.unverified)
        ));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_says_what_it_proves_and_all_prove_all() {
        let some = Verdict {
            claimed: 300,
            read: 10,
            ..Verdict::default()
        };
        let text = verdict_text(&some);
        assert!(text.contains("10 of 300 periods"), "{text}");
        assert!(text.contains("the chance to find it was 3 %"), "{text}");
        let all = Verdict {
            read: 300,
            ..some.clone()
        };
        assert!(verdict_text(&all).contains("no period is forged"));
        let imported = Verdict {
            unverified: vec![167, 168],
            ..all.clone()
        };
        let text = verdict_text(&imported);
        assert!(
            text.contains("Unverified in the history: periods 167 to 168.")
                && text.contains("A historian with this node reads those again"),
            "{text}"
        );
        let differing = Verdict {
            differing: vec![170, 171, 300],
            ..some.clone()
        };
        let text = verdict_text(&differing);
        assert!(
            text.contains("DIFFERENT: 170 to 171, 300") && !text.contains("proves"),
            "{text}"
        );
        let pruned = Verdict {
            read: 0,
            missing: vec![
                (167, Missing::Pruned),
                (168, Missing::Pruned),
                (466, Missing::Above),
            ],
            ..some
        };
        let text = verdict_text(&pruned);
        assert!(
            text.contains("pruned blocks of them: periods 167 to 168\n"),
            "{text}"
        );
        assert!(text.contains("on top of them: periods 466\n"), "{text}");
        assert!(text.ends_with("nothing is proved\n"), "{text}");
    }

    #[test]
    fn a_number_of_periods_is_read() {
        assert_eq!(count("all"), Ok(Periods::All));
        assert_eq!(count("10"), Ok(Periods::Some(10)));
        for text in ["", "0", "-1", "ten"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
