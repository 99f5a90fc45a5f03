//! What is wrong, in two texts: one plain sentence for the public, and for operators all that they need to mend it.

/// A fault, told to two audiences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For the page, REST and the sockets: no address, user, path or words of another program.
    pub public: String,
    /// For the log and the operator's port: what was asked, of whom, what came back, what to do. Never a secret.
    pub operator: String,
}

impl Fault {
    /// A fault of two texts.
    pub fn new(public: impl Into<String>, operator: impl Into<String>) -> Fault {
        Fault {
            public: public.into(),
            operator: operator.into(),
        }
    }

    /// A fault whose one text tells both audiences all.
    pub fn plain(text: impl Into<String>) -> Fault {
        let public = text.into();
        Fault {
            operator: public.clone(),
            public,
        }
    }
}
