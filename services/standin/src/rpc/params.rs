//! The parameters of a call, by position or by name, with Core's complaints about wrong ones.

use std::str::FromStr;

use serde_json::Value;

use super::RpcError;

/// A call's parameters in the order of its `names`.
pub(super) struct Params<'a> {
    names: &'static [&'static str],
    values: Vec<&'a Value>,
}

impl<'a> Params<'a> {
    /// Reads `params`, of which the first `required` must be there; `method` is for the complaint.
    pub(super) fn read(
        method: &str,
        names: &'static [&'static str],
        required: usize,
        params: &'a Value,
    ) -> Result<Params<'a>, RpcError> {
        let values: Vec<&Value> = match params {
            Value::Array(values) => values.iter().collect(),
            Value::Object(named) => {
                if let Some(name) = named.keys().find(|name| !names.contains(&name.as_str())) {
                    let message = format!("Unknown named parameter {name}");
                    return Err(RpcError::new(RpcError::INVALID_PARAMETER, message));
                }
                names
                    .iter()
                    .map(|name| named.get(*name).unwrap_or(&Value::Null))
                    .collect()
            }
            _ => Vec::new(),
        };
        let missing = (0..required).any(|at| values.get(at).is_none_or(|value| value.is_null()));
        if missing || values.len() > names.len() {
            let usage = usage(method, names, required);
            return Err(RpcError::new(RpcError::MISC, usage));
        }
        Ok(Params { names, values })
    }

    /// A hash in hex.
    pub(super) fn hash<T: FromStr>(&self, at: usize) -> Result<Option<T>, RpcError> {
        let Some(value) = self.value(at) else {
            return Ok(None);
        };
        let Value::String(text) = value else {
            return Err(self.wrong_type(at, "string"));
        };
        let name = self.names[at];
        let complaint = if text.len() == 64 {
            format!("{name} must be hexadecimal string (not '{text}')")
        } else {
            format!(
                "{name} must be of length 64 (not {}, for '{text}')",
                text.len()
            )
        };
        text.parse()
            .map(Some)
            .map_err(|_| RpcError::new(RpcError::INVALID_PARAMETER, complaint))
    }

    /// True or false; `default` if nothing is given.
    pub(super) fn flag(&self, at: usize, default: bool) -> Result<bool, RpcError> {
        match self.value(at) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong_type(at, "bool")),
        }
    }

    /// A number, or a truth value for 0 and 1; `default` if nothing is given.
    pub(super) fn verbosity(&self, at: usize, default: i64) -> Result<i64, RpcError> {
        match self.value(at) {
            Some(Value::Bool(flag)) => Ok(i64::from(*flag)),
            _ => Ok(self.number(at)?.unwrap_or(default)),
        }
    }

    /// A whole number.
    pub(super) fn number(&self, at: usize) -> Result<Option<i64>, RpcError> {
        match self.value(at) {
            None => Ok(None),
            Some(Value::Number(number)) => number
                .as_i64()
                .map(Some)
                .ok_or_else(|| RpcError::new(RpcError::MISC, "JSON integer out of range")),
            Some(_) => Err(self.wrong_type(at, "number")),
        }
    }

    fn value(&self, at: usize) -> Option<&'a Value> {
        self.values
            .get(at)
            .copied()
            .filter(|value| !value.is_null())
    }

    fn wrong_type(&self, at: usize, expected: &str) -> RpcError {
        let given = match self.value(at) {
            None | Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "bool",
            Some(Value::Number(_)) => "number",
            Some(Value::String(_)) => "string",
            Some(Value::Array(_)) => "array",
            Some(Value::Object(_)) => "object",
        };
        let message = format!(
            "Wrong type passed:\n{{\n    \"Position {} ({})\": \"JSON value of type {given} is not of expected type {expected}\"\n}}",
            at + 1,
            self.names[at]
        );
        RpcError::new(RpcError::TYPE, message)
    }
}

fn usage(method: &str, names: &[&str], required: usize) -> String {
    let mut usage = method.to_owned();
    for (at, name) in names.iter().enumerate() {
        let (open, close) = if at < required {
            ("", "")
        } else {
            ("( ", " )")
        };
        usage.push_str(&format!(" {open}{name}{close}"));
    }
    usage.push('\n');
    usage
}
