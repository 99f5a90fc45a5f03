//! A picture as a list of shapes, which both writers draw. Lengths are in pixels, from the left and from the top.

/// The share of a quarter oval's radius at which its control points lie. 0.5523 gives an ellipse; this is a little
/// squarer.
const BULGE: f32 = 0.57;

/// A place in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Pixels from the left.
    pub x: f32,
    /// Pixels from the top.
    pub y: f32,
}

/// The place `x` pixels from the left and `y` pixels from the top.
pub const fn at(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// One step of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Begins a part at this point.
    Move(Point),
    /// A straight line.
    Line(Point),
    /// A cubic Bézier curve: its two control points, and its end.
    Curve(Point, Point, Point),
    /// A straight line to the start of the part.
    Close,
}

/// An outline of one or more parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Path {
    /// The end of the last step; the origin if there is none.
    fn end(&self) -> Point {
        let end = self.steps.iter().rev().find_map(|step| match step {
            Step::Move(end) | Step::Line(end) | Step::Curve(_, _, end) => Some(*end),
            Step::Close => None,
        });
        end.unwrap_or(at(0.0, 0.0))
    }

    /// Adds a quarter of an oval that leaves along the x axis and arrives along the y axis.
    pub fn quarter_from_x(&mut self, to: Point) {
        let from = self.end();
        let first = at(from.x + BULGE * (to.x - from.x), from.y);
        let second = at(to.x, to.y - BULGE * (to.y - from.y));
        self.steps.push(Step::Curve(first, second, to));
    }

    /// Adds a quarter of an oval that leaves along the y axis and arrives along the x axis.
    pub fn quarter_from_y(&mut self, to: Point) {
        let from = self.end();
        let first = at(from.x, from.y + BULGE * (to.y - from.y));
        let second = at(to.x - BULGE * (to.x - from.x), to.y);
        self.steps.push(Step::Curve(first, second, to));
    }

    /// A line from point to point; empty if there are fewer than two.
    pub fn line(points: impl IntoIterator<Item = Point>) -> Path {
        let mut steps: Vec<Step> = points.into_iter().map(Step::Line).collect();
        if let Some(Step::Line(first)) = steps.first().copied() {
            steps[0] = Step::Move(first);
        }
        Path { steps }
    }

    /// A circle.
    pub fn circle(centre: Point, radius: f32) -> Path {
        let Point { x, y } = centre;
        Path::rounded(
            at(x - radius, y - radius),
            2.0 * radius,
            2.0 * radius,
            radius,
        )
    }

    /// A rectangle with rounded corners; `corner` is its upper left one.
    pub fn rounded(corner: Point, width: f32, height: f32, radius: f32) -> Path {
        let Point { x: left, y: top } = corner;
        let (right, bottom) = (left + width, top + height);
        let mut path = Path::line([at(left + radius, top), at(right - radius, top)]);
        path.quarter_from_x(at(right, top + radius));
        path.steps.push(Step::Line(at(right, bottom - radius)));
        path.quarter_from_y(at(right - radius, bottom));
        path.steps.push(Step::Line(at(left + radius, bottom)));
        path.quarter_from_x(at(left, bottom - radius));
        path.steps.push(Step::Line(at(left, top + radius)));
        path.quarter_from_y(at(left + radius, top));
        path.steps.push(Step::Close);
        path
    }

    /// Adds the steps of another path, each point moved by `place`.
    pub fn append(&mut self, other: &Path, place: impl Fn(Point) -> Point) {
        self.steps
            .extend(other.steps.iter().map(|step| match *step {
                Step::Move(to) => Step::Move(place(to)),
                Step::Line(to) => Step::Line(place(to)),
                Step::Curve(first, second, to) => {
                    Step::Curve(place(first), place(second), place(to))
                }
                Step::Close => Step::Close,
            }));
    }
}

/// Red, green and blue, 0 to 255 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// The way in which a path is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The area within the path.
    Filled,
    /// The path itself, with a round pen of this width, pixels.
    Stroked(f32),
}

/// A path with its ink.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The outline.
    pub path: Path,
    /// The way in which the path is drawn.
    pub ink: Ink,
    /// Colour of the ink.
    pub colour: Colour,
    /// 0 to 1.
    pub opacity: f32,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Width, pixels.
    pub width: u16,
    /// Height, pixels.
    pub height: u16,
    /// The content in words, for clients that cannot see the picture.
    pub words: String,
    /// The colour below all shapes.
    pub ground: Colour,
    /// The shapes, from the lowest to the highest.
    pub shapes: Vec<Shape>,
}

impl Drawing {
    /// Fills the area within a path.
    pub fn fill(&mut self, path: Path, colour: Colour, opacity: f32) {
        self.add(path, Ink::Filled, colour, opacity);
    }

    /// Draws a path with a round pen of `width` pixels.
    pub fn stroke(&mut self, path: Path, width: f32, colour: Colour) {
        self.add(path, Ink::Stroked(width), colour, 1.0);
    }

    /// Adds a shape; leaves out a path of one step, which has neither length nor area.
    fn add(&mut self, path: Path, ink: Ink, colour: Colour, opacity: f32) {
        if path.steps.len() < 2 {
            return;
        }
        self.shapes.push(Shape {
            path,
            ink,
            colour,
            opacity,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_leave_and_arrive_along_the_axes() {
        let mut path = Path::line([at(0.0, 0.0)]);
        path.quarter_from_x(at(10.0, 20.0));
        path.quarter_from_y(at(0.0, 40.0));
        let [_, Step::Curve(out, into, end), Step::Curve(again, last, _)] = path.steps[..] else {
            panic!("{path:?}");
        };
        assert_eq!((out.y, into.x, end), (0.0, 10.0, at(10.0, 20.0)));
        assert_eq!((again.x, last.y), (10.0, 40.0));
    }

    #[test]
    fn what_has_no_length_is_left_out() {
        let mut drawing = Drawing {
            width: 1,
            height: 1,
            words: String::new(),
            ground: Colour(0, 0, 0),
            shapes: Vec::new(),
        };
        for points in [0_u8, 1, 2] {
            let points = (0..points).map(|x| at(f32::from(x), 0.0));
            drawing.stroke(Path::line(points), 1.0, Colour(1, 1, 1));
        }
        assert_eq!(drawing.shapes.len(), 1);
    }
}
