//! Metrics of a part, each with its name, kind and meaning written once.

use metrics::{
    IntoLabels, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

/// Makes a constant of each metric, and a function `describe` that says what all of them mean.
///
/// ```
/// use satscope_kit::named_metrics;
///
/// named_metrics! {
///     Counter LOST = "satscope_example_lost_total", "Times that the stream was lost.";
///     Gauge QUEUE = "satscope_example_queue_messages", "Messages that wait, by topic.";
/// }
///
/// describe();
/// LOST.get().increment(1);
/// QUEUE.of(&[("topic", "rawtx")]).set(3);
/// ```
#[macro_export]
macro_rules! named_metrics {
    ($($kind:ident $constant:ident = $name:literal, $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $constant: $crate::metrics::$kind =
                $crate::metrics::$kind::new($name, $meaning);
        )+

        /// Says what each metric means.
        pub fn describe() {
            $($constant.describe();)+
        }
    };
}

/// Makes the type of one kind of metric.
macro_rules! kind {
    ($(#[$doc:meta])+ $kind:ident, $metric:ident, $describe:ident) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug)]
        pub struct $kind {
            name: &'static str,
            meaning: &'static str,
        }

        impl $kind {
            /// A metric with this name and meaning.
            pub const fn new(name: &'static str, meaning: &'static str) -> $kind {
                $kind { name, meaning }
            }

            /// Tells the recorder what the metric means.
            pub fn describe(&self) {
                $describe!(self.name, self.meaning);
            }

            /// The metric without labels.
            pub fn get(&self) -> metrics::$kind {
                $metric!(self.name)
            }

            /// The metric with these labels.
            pub fn of(&self, labels: impl IntoLabels) -> metrics::$kind {
                $metric!(self.name, labels)
            }
        }
    };
}

kind! {
    /// A count that only rises.
    Counter, counter, describe_counter
}
kind! {
    /// A value that rises and falls.
    Gauge, gauge, describe_gauge
}
kind! {
    /// How often values of each size came.
    Histogram, histogram, describe_histogram
}
