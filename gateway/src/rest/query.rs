//! The query of a request: each parameter at most once, and errors that name the parameter, its value and the expected
//! form.

use axum::{
    extract::{FromRequestParts, Query as Pairs, Request},
    http::{StatusCode, request::Parts},
    middleware::{Next, from_fn},
    response::IntoResponse as _,
    routing::MethodRouter,
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

    /// Refuses parameters of any name but these.
    ///
    /// # Errors
    /// With the first other name, and these.
    fn has_only(&self, names: &[&str]) -> Result<(), String> {
        let is_other = |name: &str| !names.contains(&name);
        let Some((other, _)) = self.0.iter().find(|(name, _)| is_other(name)) else {
            return Ok(());
        };
        Err(match names {
            [] => format!("{other}: expected no parameter; got one"),
            [name] => format!("{other}: expected no parameter but {name}; got another"),
            [names @ .., last] => {
                let names = names.join(", ");
                format!("{other}: expected no parameter but {names} and {last}; got another")
            }
        })
    }
}

/// The route of an address whose parameters have these names. A query with any other is refused, because a misspelt parameter
/// would otherwise be passed over, and the answer would be to another question.
pub fn only<S>(names: &'static [&'static str], route: MethodRouter<S>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let layer = from_fn(
        move |query: Query, request: Request, next: Next| async move {
            match query.has_only(names) {
                Ok(()) => next.run(request).await,
                Err(detail) => bad(detail).into_response(),
            }
        },
    );
    route.route_layer(layer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_of_another_name_is_named_with_those_that_are_expected() {
        let query = Query::from(&[("step", "1h"), ("form", "csv"), ("to", "5")][..]);
        assert_eq!(query.has_only(&["form", "step", "to"]), Ok(()));
        assert_eq!(Query::default().has_only(&[]), Ok(()));
        for (names, expected) in [
            (&[][..], "step: expected no parameter; got one"),
            (
                &["step"],
                "form: expected no parameter but step; got another",
            ),
            (
                &["from", "to", "step"],
                "form: expected no parameter but from, to and step; got another",
            ),
        ] {
            assert_eq!(query.has_only(names), Err(expected.to_owned()));
        }
    }
}
