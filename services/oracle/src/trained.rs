//! The trained weights: how strongly each round sum stands out, and what is paid as a whole. Made from labelled blocks by
//!
//! ```sh
//! cargo run --release -- backtest train ../shared/data/blocks > /tmp/trained.rs
//! mv /tmp/trained.rs services/oracle/src/trained.rs
//! ```

/// See [`crate::Typical::median_decade`].
pub(crate) const MEDIAN_DECADE: f64 = 2.135;
/// See [`crate::Typical::between_decades`].
pub(crate) const BETWEEN_DECADES: f64 = 0.174;
/// See [`crate::Typical::within_decades`].
pub(crate) const WITHIN_DECADES: f64 = 1.115;

/// See [`crate::Model::rungs`].
pub(crate) const RUNGS: [(f64, f64); 54] = [
    (1.0, 1.86),
    (2.0, 1.82),
    (3.0, 2.05),
    (4.0, 1.20),
    (5.0, 3.99),
    (6.0, 1.03),
    (7.0, 1.31),
    (8.0, 1.25),
    (9.0, 0.97),
    (10.0, 4.59),
    (12.0, 0.82),
    (15.0, 1.97),
    (20.0, 2.77),
    (25.0, 2.00),
    (30.0, 2.59),
    (35.0, 1.08),
    (40.0, 1.55),
    (45.0, 1.19),
    (50.0, 3.15),
    (60.0, 1.13),
    (70.0, 1.08),
    (75.0, 0.80),
    (80.0, 0.75),
    (90.0, 0.00),
    (100.0, 2.88),
    (120.0, 0.53),
    (125.0, 0.06),
    (150.0, 1.32),
    (200.0, 1.88),
    (250.0, 0.74),
    (300.0, 1.48),
    (350.0, 0.55),
    (400.0, 1.18),
    (450.0, 0.21),
    (500.0, 1.74),
    (600.0, 0.79),
    (700.0, 0.66),
    (750.0, 0.25),
    (800.0, 0.48),
    (900.0, 0.24),
    (1000.0, 2.53),
    (1200.0, 0.48),
    (1500.0, 0.81),
    (2000.0, 2.91),
    (2500.0, 0.38),
    (3000.0, 1.27),
    (4000.0, 0.68),
    (5000.0, 1.45),
    (6000.0, 0.82),
    (8000.0, 0.54),
    (10000.0, 0.97),
    (15000.0, 0.15),
    (20000.0, 0.84),
    (30000.0, 0.17),
];
