//! The colours of the pictures: those of the page's dark theme, `frontend/style.css`.

use super::{drawing::Colour, words::Level};

/// The ground below all shapes.
pub const GROUND: Colour = Colour(0x05, 0x08, 0x0a);
/// Text that should be read first.
pub const TEXT: Colour = Colour(0xee, 0xf3, 0xf6);
/// Text that should be read later.
pub const MUTED: Colour = Colour(0x93, 0xa1, 0xad);
/// Lines across the chart.
pub const GRID: Colour = Colour(0x1d, 0x25, 0x2c);
/// A simulation, and a chain that is not the main one.
pub const HIDDEN: Colour = Colour(0xe8, 0x79, 0xf9);
/// A price that is not of this moment.
pub const WARNING: Colour = Colour(0xfa, 0xcc, 0x15);
/// Confirmed payments in the logo.
pub const CONFIRMED: Colour = Colour(0x22, 0xd3, 0xee);
/// Unconfirmed payments in the logo.
pub const MEMPOOL: Colour = Colour(0xff, 0x9f, 0x1c);
/// The line in the logo, and a price of high confidence.
pub const HIGH: Colour = Colour(0x4a, 0xde, 0x80);

/// The colour of a price that is not stale.
pub fn colour_of(level: Level) -> Colour {
    match level {
        Level::High => HIGH,
        Level::Medium => WARNING,
        Level::Low => Colour(0xfb, 0x92, 0x3c),
    }
}
