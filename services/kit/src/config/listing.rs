//! The configuration in force with the origin of each value, and the list of all settings.

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::{Secret, Sources, is_setting, value::without_login, variable};

/// One setting of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key in `satscope.toml`.
    pub key: String,
    /// The value as text; empty if it is not set, masked if it is secret.
    pub value: String,
    /// "flag", the variable's name, the file's path, or "default".
    pub source: String,
}

/// The settings of the subcommand that was given, sorted by key, and the secrets that variables hold.
pub fn list(sources: &Sources) -> Vec<Row> {
    let (command, matches) = innermost(&sources.command, &sources.matches);
    let mut rows: Vec<Row> = command
        .get_arguments()
        .filter(|argument| is_setting(argument))
        .map(|argument| row(argument.get_id().as_str(), matches, sources))
        .collect();
    if std::env::var_os(Secret::RPC_PASSWORD).is_some() {
        rows.push(Row {
            key: "rpc_password".to_owned(),
            value: Secret::MASK.to_owned(),
            source: Secret::RPC_PASSWORD.to_owned(),
        });
    }
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    rows
}

fn innermost<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    let inner = matches
        .subcommand()
        .and_then(|(name, inner)| Some((command.find_subcommand(name)?, inner)));
    inner.map_or((command, matches), |(command, matches)| {
        innermost(command, matches)
    })
}

fn row(key: &str, matches: &ArgMatches, sources: &Sources) -> Row {
    let values: Vec<String> = matches
        .try_get_raw(key)
        .ok()
        .flatten()
        .into_iter()
        .flatten()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let file = sources
        .file
        .as_ref()
        .filter(|(_, values)| values.contains_key(key));
    let source = match (matches.value_source(key), file) {
        (Some(ValueSource::CommandLine), _) => "flag".to_owned(),
        (Some(ValueSource::EnvVariable), _) => variable(key),
        (_, Some((path, _))) => path.display().to_string(),
        _ => "default".to_owned(),
    };
    Row {
        key: key.to_owned(),
        value: without_login(&values.join(",")),
        source,
    }
}

/// One setting, for the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in `satscope.toml`.
    pub key: String,
    /// Its meaning, in one line.
    pub help: String,
    /// Each default, empty if none, with the commands that have it.
    pub defaults: Vec<(String, Vec<String>)>,
}

/// All settings of all subcommands, sorted by key. Settings of commands nested in others are left out.
pub fn settings(command: &Command) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    for subcommand in command.get_subcommands() {
        for argument in subcommand.get_arguments().filter(|one| is_setting(one)) {
            add(&mut found, argument, subcommand.get_name());
        }
    }
    found.sort_by(|one, other| one.key.cmp(&other.key));
    found
}

fn add(found: &mut Vec<Setting>, argument: &Arg, command: &str) {
    let key = argument.get_id().as_str();
    let values: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let (default, command) = (values.join(","), command.to_owned());
    let Some(setting) = found.iter_mut().find(|setting| setting.key == key) else {
        found.push(Setting {
            key: key.to_owned(),
            help: argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default(),
            defaults: vec![(default, vec![command])],
        });
        return;
    };
    match setting
        .defaults
        .iter_mut()
        .find(|(held, _)| *held == default)
    {
        Some((_, commands)) => commands.push(command),
        None => setting.defaults.push((default, vec![command])),
    }
}
