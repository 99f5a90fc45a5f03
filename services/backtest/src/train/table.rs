//! Writes the learned weights as the oracle's source file.

use satscope_oracle::{LATER_FROM_HEIGHT, Model};

use super::learned::{Learned, Whole};

const HEAD: &str = "//! The trained weights: how strongly each round sum stands out, and what is paid as a whole. Made from labelled blocks by
//!
//! ```sh
//! cargo run --release -- backtest train ../shared/data/blocks ../shared/data/blocks-2015 > /tmp/trained.rs
//! mv /tmp/trained.rs services/oracle/src/trained.rs
//! ```

use crate::era::Era;

";

/// The source of `services/oracle/src/trained.rs`.
pub(super) fn source(learned: &Learned) -> String {
    let eras: String = learned.eras.iter().map(era).collect();
    let mut source = format!(
        "{HEAD}/// The eras, by height.\npub(crate) const ERAS: [Era; {}] = [\n{eras}];\n",
        learned.eras.len()
    );
    for (years, name, rungs) in [
        ("before 2019", "EARLY", &learned.early_rungs),
        ("since 2019", "LATER", &learned.later_rungs),
    ] {
        if !rungs.is_empty() {
            source += &table(years, name, rungs);
        }
    }
    source
}

fn era((from_height, whole): &(u64, Whole)) -> String {
    let rungs = if *from_height < LATER_FROM_HEIGHT {
        "EARLY"
    } else {
        "LATER"
    };
    format!(
        "    Era {{\n        from_height: {},\n        median_decade: {:.3},\n        between_decades: {:.3},\n        \
         within_decades: {:.3},\n        premium_percent: {:?},\n        rungs: &{rungs},\n    }},\n",
        thousands(*from_height),
        whole.median_decade,
        whole.between_decades,
        whole.within_decades,
        // Set by hand from the references of those years, and not learned.
        Model::of_height(*from_height).premium_percent,
    )
}

/// A number of up to six digits, with an underscore before the last three.
fn thousands(number: u64) -> String {
    format!("{}_{:03}", number / 1000, number % 1000)
}

fn table(years: &str, name: &str, rungs: &[(f64, f64)]) -> String {
    let lines: String = rungs
        .iter()
        .map(|(sum_usd, strength)| format!("    ({sum_usd:.1}, {strength:.2}),\n"))
        .collect();
    format!(
        "\n/// The round sums {years}; see [`crate::Model::rungs`].\npub(crate) const {name}: [(f64, f64); {}] = [\n{lines}];\n",
        rungs.len()
    )
}
