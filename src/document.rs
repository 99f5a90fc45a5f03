//! Texts about the program for the documentation and the shells, made from its own code.

use std::{fmt::Write as _, sync::Mutex};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use satscope_kit::config::{Setting, settings};

use crate::output;

/// The tables that are made from the code.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Document {
    /// Every setting
    Settings,
    /// Every metric
    Metrics,
    /// Every command's `--help`
    Commands,
}

/// Writes a table about `program` to standard output, as Markdown.
///
/// # Errors
/// When standard output cannot be written to.
pub fn print(what: Document, program: Command) -> anyhow::Result<()> {
    let text = match what {
        Document::Settings => settings_table(program),
        Document::Metrics => metrics_table(),
        Document::Commands => commands(program),
    };
    output::write(&text)
}

/// Writes a completion script for `program` to standard output.
///
/// # Errors
/// When standard output cannot be written to.
pub fn completions(shell: Shell, mut program: Command) -> anyhow::Result<()> {
    // Written into memory first, because the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "satscope", &mut script);
    output::write(&String::from_utf8(script)?)
}

fn settings_table(mut program: Command) -> String {
    program.build();
    let mut table =
        "| key | default | what it is | commands |\n| --- | --- | --- | --- |\n".to_owned();
    for setting in settings(&program) {
        line(
            &mut table,
            &[
                format!("`{}`", setting.key),
                default(&setting),
                setting.help.replace('|', "\\|"),
                users(&setting),
            ],
        );
    }
    table
}

/// The defaults of a setting; if there are several, each with its commands.
fn default(setting: &Setting) -> String {
    let mut texts = Vec::new();
    for (at, (value, commands)) in setting.defaults.iter().enumerate() {
        let value = match value.as_str() {
            "" => "none".to_owned(),
            value => format!("`{value}`"),
        };
        texts.push(match at == 0 && setting.defaults.len() == 1 {
            true => value,
            false => format!("{value} ({})", commands.join(", ")),
        });
    }
    texts.join("; ")
}

fn users(setting: &Setting) -> String {
    let commands = setting.defaults.iter().flat_map(|(_, commands)| commands);
    let mut commands: Vec<&str> = commands.map(String::as_str).collect();
    commands.sort_unstable();
    commands.join(", ")
}

fn metrics_table() -> String {
    let mut table =
        "| metric | type | what it is | parts |\n| --- | --- | --- | --- |\n".to_owned();
    let parts: [(&str, fn()); 5] = [
        ("all", satscope_kit::metrics::describe),
        ("ingest", satscope_ingest::describe_metrics),
        ("analyzer", satscope_analyzer::describe_metrics),
        ("gateway", satscope_gateway::describe_metrics),
        ("historian", satscope_historian::describe_metrics),
    ];
    for (part, describe) in parts {
        let found = Descriptions::default();
        with_local_recorder(&found, describe);
        let mut found = found.0.into_inner().unwrap_or_default();
        found.sort();
        for (name, kind, text) in found {
            line(
                &mut table,
                &[format!("`{name}`"), kind.to_owned(), text, part.to_owned()],
            );
        }
    }
    table
}

fn line(table: &mut String, cells: &[String]) {
    table.push_str("| ");
    table.push_str(&cells.join(" | "));
    table.push_str(" |\n");
}

/// A recorder that keeps the description of each metric: name, kind, text.
#[derive(Default)]
struct Descriptions(Mutex<Vec<(String, &'static str, String)>>);

impl Descriptions {
    fn keep(&self, name: &KeyName, kind: &'static str, text: &SharedString) {
        if let Ok(mut found) = self.0.lock() {
            found.push((name.as_str().to_owned(), kind, text.to_string()));
        }
    }
}

impl Recorder for Descriptions {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.keep(&name, "counter", &text);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.keep(&name, "gauge", &text);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.keep(&name, "histogram", &text);
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn commands(program: Command) -> String {
    let mut program = without_values(program).term_width(100);
    program.build();
    let mut text = String::new();
    help(&mut program, &mut text);
    text
}

/// Hides the present values of variables, which are no part of the documentation.
fn without_values(command: Command) -> Command {
    command
        .mut_args(|argument| argument.hide_env_values(true))
        .mut_subcommands(without_values)
}

fn help(command: &mut Command, text: &mut String) {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let long = command.render_long_help().to_string();
    let lines: Vec<&str> = long.lines().map(str::trim_end).collect();
    // Writing to a string cannot fail.
    if write!(
        text,
        "## {name}\n\n```text\n{}\n```\n\n",
        lines.join("\n").trim_end()
    )
    .is_err()
    {
        return;
    }
    // The settings of `config X` are those of `X`; the help of `help` is of no use.
    let nested = command.get_name() == "config";
    for inner in command.get_subcommands_mut() {
        if !nested && !inner.is_hide_set() && inner.get_name() != "help" {
            help(inner, text);
        }
    }
}
