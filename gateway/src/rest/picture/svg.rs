//! A drawing as SVG. Letters are paths and not text, so that it looks the same everywhere. It has no styles, because
//! the answer's policy refuses them.

use std::fmt::Write as _;

use super::drawing::{Colour, Drawing, Ink, Path, Point, Shape, Step};

/// A drawing as an SVG document.
pub fn written(drawing: &Drawing) -> String {
    let Drawing {
        width,
        height,
        words,
        ground,
        shapes,
    } = drawing;
    let (words, ground) = (escaped(words), hexadecimal(*ground));
    let shapes: String = shapes.iter().map(element).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\"><title>{words}</title>\n\
         <path fill=\"{ground}\" d=\"M0 0H{width}V{height}H0Z\"/>\n{shapes}</svg>\n"
    )
}

fn element(shape: &Shape) -> String {
    let colour = hexadecimal(shape.colour);
    let mut ink = match shape.ink {
        Ink::Filled => format!("fill=\"{colour}\""),
        Ink::Stroked(width) => format!(
            "fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" stroke-linecap=\"round\" stroke-linejoin=\"round\"",
            rounded(width)
        ),
    };
    if shape.opacity < 1.0 {
        ink = format!("{ink} opacity=\"{}\"", rounded(shape.opacity));
    }
    format!("<path {ink} d=\"{}\"/>\n", data(&shape.path))
}

/// The path as the value of the attribute `d`.
fn data(path: &Path) -> String {
    let mut text = String::new();
    for step in &path.steps {
        let (letter, points) = match *step {
            Step::Move(to) => ("M", vec![to]),
            Step::Line(to) => ("L", vec![to]),
            Step::Curve(first, second, to) => ("C", vec![first, second, to]),
            Step::Close => ("Z", Vec::new()),
        };
        text.push_str(letter);
        for (nth, Point { x, y }) in points.into_iter().enumerate() {
            let space = if nth > 0 { " " } else { "" };
            // Writing to a string does not fail.
            write!(text, "{space}{} {}", rounded(x), rounded(y)).unwrap_or_default();
        }
    }
    text
}

/// A length rounded to hundredths of a pixel.
fn rounded(number: f32) -> f32 {
    // Adding 0 turns -0 into 0.
    (number * 100.0).round() / 100.0 + 0.0
}

fn hexadecimal(Colour(red, green, blue): Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::picture::drawing::at;

    #[test]
    fn shapes_are_paths_and_words_are_escaped() {
        let mut drawing = Drawing {
            width: 12,
            height: 6,
            words: "1 < 2 & 3".to_owned(),
            ground: Colour(0, 1, 255),
            shapes: Vec::new(),
        };
        drawing.stroke(
            Path::line([at(0.123, -0.001), at(5.0, 6.5)]),
            1.5,
            Colour(17, 18, 19),
        );
        let mut triangle = Path::line([at(0.0, 0.0), at(1.0, 1.0)]);
        triangle.quarter_from_x(at(2.0, 0.0));
        triangle.steps.push(Step::Close);
        drawing.fill(triangle, Colour(255, 0, 0), 0.2);
        let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 12 6\" width=\"12\" height=\"6\" role=\"img\">\
            <title>1 &lt; 2 &amp; 3</title>\n\
            <path fill=\"#0001ff\" d=\"M0 0H12V6H0Z\"/>\n\
            <path fill=\"none\" stroke=\"#111213\" stroke-width=\"1.5\" stroke-linecap=\"round\" stroke-linejoin=\"round\" \
            d=\"M0.12 0L5 6.5\"/>\n\
            <path fill=\"#ff0000\" opacity=\"0.2\" d=\"M0 0L1 1C1.57 1 2 0.57 2 0Z\"/>\n\
            </svg>\n";
        assert_eq!(written(&drawing), expected);
    }
}
