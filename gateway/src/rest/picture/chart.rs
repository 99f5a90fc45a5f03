//! The line of the last hours with its band.

use super::{
    drawing::{Colour, Drawing, Path, Point, at},
    look::{GRID, GROUND, MUTED},
    text::Type,
    words::{dollars, time_of_day},
};

/// A time without a price that is longer than this, seconds, is a gap in the line. Two blocks are seldom so far apart.
const GAP: f64 = 7200.0;
/// The least height of the price axis, as a share of the price, so that a calm market looks calm.
const LEAST_HEIGHT: f64 = 0.004;
/// Room above the highest price and below the lowest, as a share of the height between them.
const MARGIN: f64 = 0.18;
/// Approximate number of lines across the chart.
const LINES: f64 = 3.0;
/// Distance from the right edge of the line to the widest label of a price, pixels.
const SPACE: f32 = 16.0;
const LABEL: Type = Type::plain(14.0);
const BAND_OPACITY: f32 = 0.2;

/// One price of the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// Unix seconds.
    pub time: f64,
    /// USD for one BTC, above 0; so are the ends of the interval.
    pub price: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// Whether it comes from a pack that was not vouched for.
    pub is_unverified: bool,
}

/// The edges of the chart, pixels.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Left edge of the line.
    pub left: f32,
    /// Right edge of the labels.
    pub right: f32,
    /// Upper edge of the price axis.
    pub top: f32,
    /// Lower edge of the price axis.
    pub bottom: f32,
}

/// Draws prices, oldest first, as a line with its band, lines at round prices, and times in UTC below. Draws nothing if the
/// prices span no time.
pub fn draw(drawing: &mut Drawing, dots: &[Dot], area: Area, colour: Colour) {
    let Some(axes) = Axes::of(dots, area) else {
        return;
    };
    axes.draw_prices(drawing);
    axes.draw_times(drawing);
    for part in parts(dots) {
        axes.draw_part(drawing, part, colour);
    }
    if let Some(last) = dots.last() {
        let end = axes.place(last.time, last.price);
        drawing.fill(Path::circle(end, 10.0), GROUND, 1.0);
        drawing.fill(Path::circle(end, 6.5), colour, 1.0);
    }
}

/// The stretches of the line between its gaps.
fn parts(dots: &[Dot]) -> impl Iterator<Item = &[Dot]> {
    dots.chunk_by(|one, next| next.time - one.time <= GAP)
}

/// The axes, which place times and prices in the chart.
struct Axes {
    area: Area,
    /// Right edge of the line.
    edge: f32,
    from: f64,
    to: f64,
    lowest: f64,
    highest: f64,
    /// Distance between two lines across the chart, USD.
    step: f64,
}

impl Axes {
    fn of(dots: &[Dot], area: Area) -> Option<Axes> {
        let (first, last) = (dots.first()?, dots.last()?);
        if first.time >= last.time {
            return None;
        }
        let prices = dots.iter().map(|dot| dot.price);
        let lowest = prices.clone().fold(f64::INFINITY, f64::min);
        let highest = prices.fold(0.0, f64::max);
        let middle = f64::midpoint(lowest, highest);
        let half = (highest - lowest) * (0.5 + MARGIN);
        let half = half.max(middle * LEAST_HEIGHT / 2.0);
        let mut axes = Axes {
            area,
            edge: area.right,
            from: first.time,
            to: last.time,
            lowest: middle - half,
            highest: middle + half,
            step: round_step(2.0 * half / LINES),
        };
        let widths = axes.prices().map(|price| LABEL.width(&dollars(price)));
        axes.edge -= widths.fold(0.0, f32::max) + SPACE;
        Some(axes)
    }

    /// The place of a price; a price outside the axes is placed at their edge.
    #[allow(clippy::cast_possible_truncation)]
    fn place(&self, time: f64, price: f64) -> Point {
        let along = (time - self.from) / (self.to - self.from);
        let up = (price - self.lowest) / (self.highest - self.lowest);
        let (along, up) = (along.clamp(0.0, 1.0) as f32, up.clamp(0.0, 1.0) as f32);
        let Area {
            left, top, bottom, ..
        } = self.area;
        at(
            left + along * (self.edge - left),
            bottom - up * (bottom - top),
        )
    }

    /// The round prices at which there are lines.
    fn prices(&self) -> impl Iterator<Item = f64> + use<> {
        let (step, highest) = (self.step, self.highest);
        let first = (self.lowest / step).ceil();
        (0..20_u8)
            .map(move |nth| (first + f64::from(nth)) * step)
            .take_while(move |price| *price <= highest)
    }

    fn draw_prices(&self, drawing: &mut Drawing) {
        for price in self.prices() {
            let right = self.place(self.to, price);
            let left = at(self.area.left, right.y);
            drawing.stroke(Path::line([left, right]), 1.0, GRID);
            let label = at(self.area.right, right.y + LABEL.size / 2.0);
            LABEL.write_before(drawing, &dollars(price), label, MUTED);
        }
    }

    /// Draws times of day 4 hours apart; 2 hours, 30 minutes or 10 minutes apart if the span is shorter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn draw_times(&self, drawing: &mut Drawing) {
        // Times are positive, and fit into 64 bits.
        let (from, to) = (self.from.max(0.0).ceil() as u64, self.to as u64);
        let step = match to - from.min(to) {
            0..3600 => 600,
            3600..12_000 => 1800,
            12_000..43_200 => 7200,
            _ => 4 * 3600,
        };
        let first = from.div_ceil(step) * step;
        for time in (first..=to).step_by(step as usize) {
            // A time is far below 2^52.
            #[allow(clippy::cast_precision_loss)]
            let below = self.place(time as f64, self.lowest);
            let text = time_of_day(time);
            let half = LABEL.width(&text) / 2.0;
            if below.x - half < self.area.left || below.x + half > self.edge {
                continue;
            }
            let tick = [at(below.x, below.y + 6.0), at(below.x, below.y + 12.0)];
            drawing.stroke(Path::line(tick), 1.0, MUTED);
            let middle = at(below.x, below.y + 20.0 + LABEL.size);
            LABEL.write_around(drawing, &text, middle, MUTED);
        }
        let end = at(self.area.right, self.area.bottom + 20.0 + LABEL.size);
        LABEL.write_before(drawing, "UTC", end, MUTED);
    }

    fn draw_part(&self, drawing: &mut Drawing, part: &[Dot], colour: Colour) {
        let above = part.iter().map(|dot| self.place(dot.time, dot.high));
        let below = part.iter().rev().map(|dot| self.place(dot.time, dot.low));
        drawing.fill(Path::line(above.chain(below)), colour, BAND_OPACITY);
        let prices = part.iter().map(|dot| self.place(dot.time, dot.price));
        drawing.stroke(Path::line(prices), 3.0, colour);
    }
}

/// The least of 1, 2 or 5 times a power of ten that is not below `least`, which is above 0.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let fits = steps.into_iter().find(|step| *step >= least);
    fits.unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::picture::drawing::{Ink, Step};

    const AREA: Area = Area {
        left: 0.0,
        right: 1000.0,
        top: 0.0,
        bottom: 100.0,
    };

    fn dot(time: f64, price: f64) -> Dot {
        Dot {
            time,
            price,
            low: price - 10.0,
            high: price * 1000.0,
            is_unverified: false,
        }
    }

    fn drawn(dots: Vec<Dot>) -> Drawing {
        let mut drawing = Drawing {
            width: 1000,
            height: 100,
            words: String::new(),
            ground: GROUND,
            shapes: Vec::new(),
        };
        draw(&mut drawing, &dots, AREA, Colour(1, 2, 3));
        drawing
    }

    fn strokes(drawing: &Drawing) -> usize {
        let shapes = drawing.shapes.iter();
        let line = shapes.filter(|shape| shape.colour == Colour(1, 2, 3));
        line.filter(|shape| shape.ink != Ink::Filled).count()
    }

    #[test]
    fn a_long_time_without_a_price_is_a_gap() {
        let day = 1_709_251_200.0;
        let whole = [0.0, 3600.0, 9000.0].map(|time| dot(day + time, 50_000.0));
        assert_eq!(strokes(&drawn(whole.to_vec())), 1);
        let parted = [0.0, 3600.0, 20_000.0, 21_000.0].map(|time| dot(day + time, 50_000.0));
        assert_eq!(strokes(&drawn(parted.to_vec())), 2);
    }

    #[test]
    fn all_that_is_drawn_lies_in_the_chart_however_wide_the_interval() {
        let day = 1_709_251_200.0;
        let dots = (0..300).map(|nth| dot(day + f64::from(nth) * 600.0, 50_000.0));
        for shape in drawn(dots.collect()).shapes {
            for step in shape.path.steps {
                if let Step::Line(to) = step {
                    assert!((-1.0..=1001.0).contains(&to.x), "{to:?}");
                    assert!((-10.0..=150.0).contains(&to.y), "{to:?}");
                }
            }
        }
    }

    #[test]
    fn one_price_is_no_line() {
        for dots in [vec![], vec![dot(5.0, 1.0)], vec![dot(0.0, 1.0); 2]] {
            assert!(drawn(dots).shapes.is_empty());
        }
    }

    #[test]
    fn steps_are_round() {
        for (least, step) in [
            (0.7, 1.0),
            (1.0, 1.0),
            (13.0, 20.0),
            (499.0, 500.0),
            (0.03, 0.05),
        ] {
            assert!((round_step(least) - step).abs() < 1e-9, "{least}");
        }
    }
}
