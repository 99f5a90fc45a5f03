//! The letters of the pictures, so that no system font is needed. Each letter is the path of a round pen.
//!
//! A glyph is written in units from the baseline up and from its left end; a capital is [`CAP`] units high. `M` and `L`
//! go to a point, `C` goes along a cubic curve. `x` and `y` go along a quarter of an oval that leaves along that axis,
//! and `Z` closes.

use std::{collections::HashMap, sync::LazyLock};

use super::drawing::{Path, Point, Step, at};

/// Height of a capital and of a digit, units.
pub const CAP: f32 = 70.0;
/// Space between two glyphs beside the width of the pen, units.
const GAP: f32 = 9.0;
/// Width of a space, units.
const SPACE: f32 = 15.0;

/// One letter.
#[derive(Debug)]
pub struct Glyph {
    /// The path of the pen; upwards is positive.
    pub path: Path,
    /// Width from the left end to the right end, units.
    pub width: f32,
    /// Units by which the glyph stands closer to each neighbour, because slanted and round ends look farther away.
    pub tuck: f32,
}

impl Glyph {
    /// Distance from its start to that of the next glyph, units, for a pen of this width.
    pub fn advance(&self, pen: f32) -> f32 {
        self.width + GAP + pen - 2.0 * self.tuck
    }
}

/// The glyph of a character; a box if there is none.
pub fn glyph(character: char) -> &'static Glyph {
    GLYPHS.get(&character).unwrap_or(&BOX)
}

/// Whether a character has a glyph.
pub fn is_known(character: char) -> bool {
    GLYPHS.contains_key(&character)
}

static GLYPHS: LazyLock<HashMap<char, Glyph>> = LazyLock::new(|| {
    let glyphs = WAYS.iter().map(|(character, width, tuck, way)| {
        let glyph = Glyph {
            path: path(way),
            width: *width,
            tuck: *tuck,
        };
        (*character, glyph)
    });
    glyphs.collect()
});

static BOX: LazyLock<Glyph> = LazyLock::new(|| Glyph {
    path: path("M 0 0 L 0 70 L 36 70 L 36 0 Z"),
    width: 36.0,
    tuck: 0.0,
});

/// Reads a path. It ends before the first word that is not a step; the tests refuse a glyph with such a word.
fn path(way: &str) -> Path {
    let mut path = Path::default();
    let mut words = way.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if step(&mut path, word, &mut words).is_none() {
            break;
        }
    }
    path
}

/// Adds the step that `word` names, with points read from `words`; `None` if they make no step.
fn step<'a>(path: &mut Path, word: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
    let mut number = || words.next()?.parse::<f32>().ok();
    let mut point = || -> Option<Point> { Some(at(number()?, number()?)) };
    match word {
        "M" => path.steps.push(Step::Move(point()?)),
        "L" => path.steps.push(Step::Line(point()?)),
        "C" => path.steps.push(Step::Curve(point()?, point()?, point()?)),
        "Z" => path.steps.push(Step::Close),
        "x" => path.quarter_from_x(point()?),
        "y" => path.quarter_from_y(point()?),
        _ => return None,
    }
    Some(())
}

/// Each character with its width, its tuck and its path. All digits have the same width.
#[rustfmt::skip]
const WAYS: &[(char, f32, f32, &str)] = &[
    (' ', SPACE, 0.0, ""),
    ('0', 40.0, 0.0, "M 0 47 y 20 70 x 40 47 L 40 23 y 20 0 x 0 23 Z"),
    ('1', 40.0, 0.0, "M 7 57 L 23 70 L 23 0"),
    ('2', 40.0, 0.0, "M 1.5 53 y 20 70 x 38.5 51 C 38.5 39 30 31 1 0 L 40 0"),
    ('3', 40.0, 0.0, "M 2.5 58 C 5.5 65.5 12 70 20 70 x 37.5 53.5 y 20 37 L 14 37 M 20 37 x 40 18.5 y 20 0 C 10 0 3 5 0.5 13.5"),
    ('4', 40.0, 0.0, "M 29 70 L 0 19 L 41 19 M 30 38 L 30 0"),
    ('5', 40.0, 0.0, "M 36 70 L 7 70 L 4 37 C 8 42 13.5 44.5 20 44.5 x 40 22.5 y 20 0 C 10 0 3 5 0.5 13"),
    ('6', 40.0, 0.0, "M 28 70 C 14 56 0 40 0 22.5 y 20 0 x 40 22.5 y 20 44.5 C 12 44.5 5 40 2 33"),
    ('7', 40.0, 0.0, "M 1 70 L 40 70 L 13 0"),
    ('8', 40.0, 0.0, "M 20 37 x 2.5 53.5 y 20 70 x 37.5 53.5 y 20 37 x 0 18.5 y 20 0 x 40 18.5 y 20 37"),
    ('9', 40.0, 0.0, "M 12 0 C 26 14 40 30 40 47.5 y 20 70 x 0 47.5 y 20 25.5 C 28 25.5 35 30 38 37"),
    ('A', 48.0, 4.0, "M 0 0 L 24 70 L 48 0 M 8.5 24 L 39.5 24"),
    ('B', 41.0, 0.0, "M 0 0 L 0 70 L 20 70 x 37 53.5 y 20 37 L 0 37 M 20 37 x 41 18.5 y 20 0 L 0 0"),
    ('C', 47.0, 2.0, "M 47 54 C 43 64 35 70 25 70 x 0 35 y 25 0 C 35 0 43 6 47 16"),
    ('D', 45.0, 1.0, "M 0 0 L 0 70 L 15 70 x 45 35 y 15 0 L 0 0"),
    ('E', 36.0, 1.0, "M 36 70 L 0 70 L 0 0 L 36 0 M 0 36 L 31 36"),
    ('F', 35.0, 2.0, "M 35 70 L 0 70 L 0 0 M 0 35 L 30 35"),
    ('G', 48.0, 1.0, "M 47 55 C 43 64.5 35 70 25 70 x 0 35 y 25 0 x 48 26 L 48 33 L 29 33"),
    ('H', 44.0, 0.0, "M 0 0 L 0 70 M 44 0 L 44 70 M 0 36 L 44 36"),
    ('I', 0.0, 0.0, "M 0 0 L 0 70"),
    ('J', 28.0, 1.0, "M 28 70 L 28 18 y 14 0 C 7 0 2 4 0 12"),
    ('K', 42.0, 2.0, "M 0 0 L 0 70 M 40 70 L 0 27 M 14 42 L 42 0"),
    ('L', 35.0, 2.0, "M 0 70 L 0 0 L 35 0"),
    ('M', 54.0, 0.0, "M 0 0 L 0 70 L 27 26 L 54 70 L 54 0"),
    ('N', 45.0, 0.0, "M 0 0 L 0 70 L 45 0 L 45 70"),
    ('O', 52.0, 1.5, "M 0 35 y 26 70 x 52 35 y 26 0 x 0 35 Z"),
    ('P', 40.0, 1.5, "M 0 0 L 0 70 L 20 70 x 40 51 y 20 32 L 0 32"),
    ('Q', 52.0, 1.5, "M 0 35 y 26 70 x 52 35 y 26 0 x 0 35 Z M 34 15 L 51 -5"),
    ('R', 42.0, 1.0, "M 0 0 L 0 70 L 20 70 x 40 51 y 20 32 L 0 32 M 21 32 L 42 0"),
    ('S', 40.0, 1.0, "M 38 57 C 34.5 65 28.5 70 20 70 x 2 53 C 2 42 11 39.5 20 37 C 30 34 40 30 40 18.5 y 20 0 C 10 0 3 5 0 14"),
    ('T', 46.0, 4.0, "M 0 70 L 46 70 M 23 70 L 23 0"),
    ('U', 44.0, 0.0, "M 0 70 L 0 24 y 22 0 x 44 24 L 44 70"),
    ('V', 48.0, 4.0, "M 0 70 L 24 0 L 48 70"),
    ('W', 72.0, 4.0, "M 0 70 L 18 0 L 36 66 L 54 0 L 72 70"),
    ('X', 44.0, 3.0, "M 0 70 L 44 0 M 44 70 L 0 0"),
    ('Y', 46.0, 4.0, "M 0 70 L 23 33 L 46 70 M 23 33 L 23 0"),
    ('Z', 42.0, 2.0, "M 1 70 L 41 70 L 0 0 L 42 0"),
    ('a', 38.0, 0.0, "M 38 25 y 19 50 x 0 25 y 19 0 x 38 25 M 38 50 L 38 0"),
    ('b', 38.0, 0.0, "M 0 74 L 0 0 M 0 25 y 19 50 x 38 25 y 19 0 x 0 25"),
    ('c', 35.0, 2.0, "M 35 39 C 32 46 26.5 50 19 50 x 0 25 y 19 0 C 26.5 0 32 4 35 11"),
    ('d', 38.0, 0.0, "M 38 74 L 38 0 M 38 25 y 19 50 x 0 25 y 19 0 x 38 25"),
    ('e', 38.0, 1.0, "M 0.5 26 L 38 26 y 19.5 50 x 0 25 y 19.5 0 C 27 0 33 4 36 10.5"),
    ('f', 25.0, 3.0, "M 25 73 C 23.5 73.7 21.5 74 20 74 x 9 62 L 9 0 M 0 50 L 23 50"),
    ('g', 38.0, 0.0, "M 38 50 L 38 -2 y 19 -21 C 11.5 -21 5.5 -18 2 -13 M 38 25 y 19 50 x 0 25 y 19 0 x 38 25"),
    ('h', 36.0, 0.0, "M 0 74 L 0 0 M 0 30 y 19 50 x 36 30 L 36 0"),
    ('i', 0.0, 0.0, "M 0 50 L 0 0 M 0 68 L 0 69"),
    ('j', 12.0, 1.0, "M 12 50 L 12 -9 y 1 -21 L 0 -21 M 12 68 L 12 69"),
    ('k', 34.0, 2.0, "M 0 74 L 0 0 M 32 50 L 0 20 M 12 31 L 34 0"),
    ('l', 11.0, 0.0, "M 0 74 L 0 12 y 10 0 L 11 0"),
    ('m', 62.0, 0.0, "M 0 50 L 0 0 M 0 31 y 16.5 50 x 31 32 L 31 0 M 31 31 y 47.5 50 x 62 32 L 62 0"),
    ('n', 36.0, 0.0, "M 0 50 L 0 0 M 0 30 y 19 50 x 36 30 L 36 0"),
    ('o', 39.0, 1.0, "M 0 25 y 19.5 50 x 39 25 y 19.5 0 x 0 25 Z"),
    ('p', 38.0, 0.0, "M 0 50 L 0 -21 M 0 25 y 19 50 x 38 25 y 19 0 x 0 25"),
    ('q', 38.0, 0.0, "M 38 50 L 38 -21 M 38 25 y 19 50 x 0 25 y 19 0 x 38 25"),
    ('r', 21.0, 2.0, "M 0 50 L 0 0 M 0 27 C 0 41 7 50 21 50"),
    ('s', 33.0, 1.0, "M 31.5 41 C 28.5 47 23.5 50 16.5 50 x 1.5 37.5 C 1.5 30 9 28 16.5 26 C 25 23.8 33 21 33 13 y 16.5 0 C 8.5 0 3 3.5 0 10"),
    ('t', 24.0, 3.0, "M 9 67 L 9 13 y 21 0 L 24 0 M 0 50 L 23 50"),
    ('u', 36.0, 0.0, "M 0 50 L 0 20 y 17 0 x 36 20 M 36 50 L 36 0"),
    ('v', 38.0, 3.0, "M 0 50 L 19 0 L 38 50"),
    ('w', 58.0, 3.0, "M 0 50 L 14.5 0 L 29 46 L 43.5 0 L 58 50"),
    ('x', 35.0, 2.0, "M 0 50 L 35 0 M 35 50 L 0 0"),
    ('y', 38.0, 3.0, "M 0 50 L 19 0 M 38 50 L 11 -21"),
    ('z', 33.0, 1.0, "M 0.5 50 L 32.5 50 L 0 0 L 33 0"),
    ('$', 40.0, 1.0, "M 38 57 C 34.5 65 28.5 70 20 70 x 2 53 C 2 42 11 39.5 20 37 C 30 34 40 30 40 18.5 y 20 0 C 10 0 3 5 0 14 M 20 80 L 20 70 M 20 0 L 20 -10"),
    ('%', 60.0, 0.0, "M 0 55 y 12 70 x 24 55 y 12 40 x 0 55 Z M 36 15 y 48 30 x 60 15 y 48 0 x 36 15 Z M 49 70 L 11 0"),
    ('.', 0.0, 1.0, "M 0 0 L 0 1"),
    (',', 4.0, 2.0, "M 4 1 L 0 -12"),
    (':', 0.0, 0.0, "M 0 5 L 0 6 M 0 42 L 0 43"),
    ('·', 0.0, 0.0, "M 0 30 L 0 31"),
    ('-', 22.0, 1.0, "M 0 27 L 22 27"),
    ('–', 34.0, 1.0, "M 0 30 L 34 30"),
    ('=', 40.0, 0.0, "M 0 44 L 40 44 M 0 22 L 40 22"),
    ('+', 40.0, 0.0, "M 0 33 L 40 33 M 20 53 L 20 13"),
    ('±', 40.0, 0.0, "M 0 39 L 40 39 M 20 59 L 20 19 M 0 3 L 40 3"),
    ('/', 26.0, 3.0, "M 0 -6 L 26 76"),
    ('(', 14.0, 1.0, "M 14 82 C 4.5 68 0 53 0 34 C 0 15 4.5 0 14 -14"),
    (')', 14.0, 1.0, "M 0 82 C 9.5 68 14 53 14 34 C 14 15 9.5 0 0 -14"),
    ('\'', 0.0, 0.0, "M 0 72 L 0 56"),
    ('_', 36.0, 0.0, "M 0 -6 L 36 -6"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_read_to_its_end_and_lies_in_its_width() {
        for (character, width, tuck, way) in WAYS {
            let steps = way.split_ascii_whitespace();
            let steps = steps.filter(|word| word.parse::<f32>().is_err()).count();
            let glyph = glyph(*character);
            assert_eq!(glyph.path.steps.len(), steps, "{character}");
            assert!(glyph.advance(6.0) > 2.0 * tuck, "{character}");
            for step in &glyph.path.steps {
                let points = match *step {
                    Step::Move(to) | Step::Line(to) => vec![to],
                    Step::Curve(first, second, to) => vec![first, second, to],
                    Step::Close => Vec::new(),
                };
                for Point { x, y } in points {
                    assert!((-0.1..=width + 1.1).contains(&x), "{character}: {x}");
                    assert!((-22.0..=83.0).contains(&y), "{character}: {y}");
                }
            }
        }
    }

    #[test]
    fn digits_are_as_wide_as_one_another_and_no_character_is_there_twice() {
        for digit in '0'..='9' {
            assert_eq!(glyph(digit).advance(6.0), glyph('0').advance(6.0));
        }
        assert_eq!(GLYPHS.len(), WAYS.len());
    }

    #[test]
    fn letters_and_digits_are_all_there_and_what_is_not_is_a_box() {
        for character in (' '..='~').filter(|character| character.is_ascii_alphanumeric()) {
            assert!(is_known(character), "{character}");
        }
        assert!(!is_known('é'));
        assert_eq!(glyph('é').width, BOX.width);
    }
}
