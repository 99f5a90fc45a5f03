//! Lines of text as paths.

use super::{
    drawing::{Colour, Drawing, Path, Point, at},
    glyphs::{CAP, glyph},
};

/// A size and a weight of type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Type {
    /// Height of a capital, pixels.
    pub size: f32,
    /// Width of the pen, in parts of a capital's height.
    pub weight: f32,
}

impl Type {
    /// A thin type, for words.
    pub const fn plain(size: f32) -> Self {
        Type { size, weight: 0.12 }
    }

    /// A bold type, for words and numbers that should be seen first.
    pub const fn strong(size: f32) -> Self {
        Type {
            size,
            weight: 0.155,
        }
    }

    /// Width of a line of text with its pen, pixels.
    pub fn width(self, text: &str) -> f32 {
        let pen = self.weight * CAP;
        let units: f32 = text.chars().map(|letter| glyph(letter).advance(pen)).sum();
        units * self.size / CAP
    }

    /// Writes a line of text that begins at `start` on its baseline. Returns its right end, pixels from the left.
    pub fn write(self, drawing: &mut Drawing, text: &str, start: Point, colour: Colour) -> f32 {
        let scale = self.size / CAP;
        let pen = self.weight * CAP;
        let mut path = Path::default();
        let mut units = 0.0;
        for letter in text.chars() {
            let glyph = glyph(letter);
            // Half of the space between the glyph and its neighbours lies before it.
            let left = units + (glyph.advance(pen) - glyph.width) / 2.0;
            path.append(&glyph.path, |Point { x, y }| {
                at(start.x + (left + x) * scale, start.y - y * scale)
            });
            units += glyph.advance(pen);
        }
        drawing.stroke(path, self.size * self.weight, colour);
        start.x + units * scale
    }

    /// Writes a line of text that ends at `end` on its baseline.
    pub fn write_before(self, drawing: &mut Drawing, text: &str, end: Point, colour: Colour) {
        let start = at(end.x - self.width(text), end.y);
        self.write(drawing, text, start, colour);
    }

    /// Writes a line of text whose middle is `middle` on its baseline.
    pub fn write_around(self, drawing: &mut Drawing, text: &str, middle: Point, colour: Colour) {
        let start = at(middle.x - self.width(text) / 2.0, middle.y);
        self.write(drawing, text, start, colour);
    }

    /// The same type, smaller if the text would be wider than `room`, pixels.
    pub fn fitting(self, text: &str, room: f32) -> Self {
        let size = self.size * (room / self.width(text)).min(1.0);
        Type { size, ..self }
    }
}
