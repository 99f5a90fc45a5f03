//! The query of a request: each parameter at most once, and errors that name the parameter, its value and the expected
//! form.

use axum::{
    extract::{FromRequestParts, Query as Pairs},
    http::{StatusCode, request::Parts},
};

use crate::answer::problem::Problem;

/// Name and value of each parameter of a query.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Whether the query has a parameter of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(named, _)| named == name)
    }

    /// The value of a parameter, converted by `read`; `None` if the query does not have the parameter.
    ///
    /// # Errors
    /// With the parameter's name, its value and the expected form.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.text(name)? else {
            return Ok(None);
        };
        let value =
            read(value).map_err(|expected| format!("{name}: expected {expected}; got {value:?}"));
        value.map(Some)
    }

    /// The value of a parameter as text; `None` if the query does not have the parameter.
    ///
    /// # Errors
    /// If the query has it more than once.
    pub fn text(&self, name: &str) -> Result<Option<&str>, String> {
        let mut values = self.0.iter().filter(|(named, _)| named == name);
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            Some(_) => Err(format!("{name}: expected one value; got more")),
            None => Ok(value),
        }
    }

    /// Refuses the parameter `name` together with any of `others`.
    ///
    /// # Errors
    /// With the names of both.
    pub fn excludes(&self, name: &str, others: &[&str]) -> Result<(), String> {
        match others.iter().find(|other| self.has(other)) {
            Some(other) if self.has(name) => {
                Err(format!("{name}: expected no {other} beside it; got both"))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Pairs::try_from_uri(&parts.uri) {
            Ok(Pairs(pairs)) => Ok(Query(pairs)),
            Err(_) => Err(bad("the query: expected name=value pairs".to_owned())),
        }
    }
}

/// The problem of a query that cannot be answered; `detail` names the parameter, its value and the expected form.
pub fn bad(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
impl From<&[(&str, &str)]> for Query {
    fn from(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Query(pairs.collect())
    }
}
