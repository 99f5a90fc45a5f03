//! Faults in two texts: one plain sentence for the public, and for operators all that they need to mend the fault.

/// A fault, told to two audiences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For the page, REST and the sockets: no address, user, path or words of another program.
    pub public: String,
    /// For the log and the operator's port: the request, its target, the answer, and what to do. Never a secret.
    pub operator: String,
    /// The advice that ends the operator's text; `None` if that text has none.
    remedy: Option<String>,
}

impl Fault {
    /// A fault of two texts.
    pub fn new(public: impl Into<String>, operator: impl Into<String>) -> Fault {
        Fault {
            public: public.into(),
            operator: operator.into(),
            remedy: None,
        }
    }

    /// A fault whose operator's text is `what` is wrong, and then what to do about it.
    pub fn with_remedy(
        public: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Fault {
        let remedy = remedy.into();
        Fault {
            public: public.into(),
            operator: format!("{}: {remedy}", what.into()),
            remedy: Some(remedy),
        }
    }

    /// A fault with the same text for both audiences.
    pub fn plain(text: impl Into<String>) -> Fault {
        let public = text.into();
        Fault {
            operator: public.clone(),
            public,
            remedy: None,
        }
    }

    /// The operator's text without the advice.
    pub fn what(&self) -> &str {
        let what = self.remedy().and_then(|remedy| {
            let what = self.operator.strip_suffix(remedy)?;
            what.strip_suffix(": ")
        });
        what.unwrap_or(&self.operator)
    }

    /// The advice; `None` if the operator's text has none.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_text_is_what_is_wrong_and_what_to_do() {
        let fault = Fault::with_remedy("a lamp", "the lamp: dark", "press the switch: it is red");
        assert_eq!(
            fault.operator,
            "the lamp: dark: press the switch: it is red"
        );
        assert_eq!(fault.what(), "the lamp: dark");
        assert_eq!(fault.remedy(), Some("press the switch: it is red"));
        let plain = Fault::plain("the lamp: dark");
        assert_eq!((plain.what(), plain.remedy()), ("the lamp: dark", None));
    }
}
