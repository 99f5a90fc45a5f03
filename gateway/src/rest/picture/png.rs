//! A drawing as PNG.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform,
};

use super::drawing::{Colour, Drawing, Ink, Path, Shape, Step};

/// A drawing as the bytes of a PNG file.
///
/// # Errors
/// With the reason if the drawing has no pixels, or the encoder fails.
pub fn written(drawing: &Drawing) -> Result<Vec<u8>, String> {
    let (width, height) = (drawing.width.into(), drawing.height.into());
    let mut pixels = Pixmap::new(width, height).ok_or("a picture without pixels")?;
    pixels.fill(colour(drawing.ground, 1.0));
    for shape in &drawing.shapes {
        draw(&mut pixels, shape);
    }
    pixels.encode_png().map_err(|fault| fault.to_string())
}

/// Draws a shape; leaves out one whose path is empty.
fn draw(pixels: &mut Pixmap, shape: &Shape) {
    let Some(path) = path(&shape.path) else {
        return;
    };
    let mut paint = Paint::default();
    paint.set_color(colour(shape.colour, shape.opacity));
    match shape.ink {
        Ink::Filled => {
            let rule = FillRule::Winding;
            pixels.fill_path(&path, &paint, rule, Transform::identity(), None);
        }
        Ink::Stroked(width) => {
            let stroke = Stroke {
                width,
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            pixels.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }
}

fn path(path: &Path) -> Option<tiny_skia::Path> {
    let mut builder = PathBuilder::new();
    for step in &path.steps {
        match *step {
            Step::Move(to) => builder.move_to(to.x, to.y),
            Step::Line(to) => builder.line_to(to.x, to.y),
            Step::Curve(first, second, to) => {
                builder.cubic_to(first.x, first.y, second.x, second.y, to.x, to.y);
            }
            Step::Close => builder.close(),
        }
    }
    builder.finish()
}

fn colour(Colour(red, green, blue): Colour, opacity: f32) -> Color {
    let mut colour = Color::from_rgba8(red, green, blue, 255);
    colour.apply_opacity(opacity);
    colour
}
