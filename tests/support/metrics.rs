//! What a part's `/metrics` says, in the text format of Prometheus.

use std::{collections::BTreeSet, net::SocketAddr};

use super::wait::in_time;

/// The body of a GET and its status.
pub async fn get(url: &str) -> (u16, String) {
    let response = in_time(url, reqwest::get(url)).await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

/// One scrape.
pub struct Scrape(pub String);

impl Scrape {
    /// Asks a part.
    pub async fn of(metrics: SocketAddr) -> Scrape {
        let (status, text) = get(&format!("http://{metrics}/metrics")).await;
        assert_eq!(status, 200, "{text}");
        Scrape(text)
    }

    /// The sum of all samples of this metric that have this label; 0 where there is none.
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        self.samples()
            .filter(|(name, labels, _)| *name == metric && labels.contains(label))
            .map(|(_, _, value)| value)
            .sum()
    }

    /// Name, labels and value of each sample.
    ///
    /// # Panics
    /// When a line is neither a comment nor a sample.
    pub fn samples(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.lines(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            let value = value.parse().unwrap_or_else(|_| panic!("{line:?}"));
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            (name, labels, value)
        })
    }

    /// The metrics with a type, those with a help text, and those with samples.
    pub fn families(&self) -> [BTreeSet<&str>; 3] {
        let named = |keyword: &'static str| {
            self.lines(move |line| line.starts_with(keyword))
                .filter_map(|line| line.split(' ').nth(2))
                .collect()
        };
        let of_histogram = |name| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| str::strip_suffix(name, part))
        };
        let types: BTreeSet<&str> = named("# TYPE ");
        let samples = self.samples().map(|(name, _, _)| match of_histogram(name) {
            Some(family) if types.contains(family) => family,
            _ => name,
        });
        [samples.collect(), named("# HELP "), types]
    }

    fn lines(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        let lines = self.0.lines().filter(|line| !line.is_empty());
        lines.filter(move |line| wanted(line))
    }
}
