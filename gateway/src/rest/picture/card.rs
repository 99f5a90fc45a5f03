//! The layout of the picture: the price in large type, its interval, confidence and age below it, and the line of the
//! last hours.

use super::{
    chart::{self, Area, Dot},
    drawing::{Colour, Drawing, Path, Point, at},
    glyphs::is_known,
    look::{CONFIRMED, GROUND, HIDDEN, HIGH, MEMPOOL, MUTED, TEXT, WARNING, colour_of},
    text::Type,
    words::{Level, age, dollars, doubt, utc},
};
use crate::state::freshness::Stale;

/// Width of the picture, pixels. 1200 × 630 is the size that sites which preview links ask for.
pub const WIDTH: u16 = 1200;
/// Height of the picture, pixels.
pub const HEIGHT: u16 = 630;

const LEFT: f32 = 64.0;
const RIGHT: f32 = 1136.0;
/// Baselines and edges, pixels from the top.
const HEAD: f32 = 86.0;
const PRICE: f32 = 256.0;
const LABELS: f32 = 318.0;
const VALUES: f32 = 355.0;
const NOTICE: f32 = 404.0;
const TOP: f32 = 402.0;
/// From the baseline of a notice to that of the next.
const NOTICE_HEIGHT: f32 = 42.0;
/// From the baseline of the last notice to the chart.
const NOTICE_TO_CHART: f32 = 36.0;
const BOTTOM: f32 = 554.0;
/// Left edges of the three columns of facts.
const COLUMNS: [f32; 3] = [LEFT, 620.0, 910.0];
/// Most characters of a chain's name that are shown.
const LONGEST_NAME: usize = 12;

/// The line below `no price yet`.
const NONE_YET: &str = "read from bitcoin's own transactions, once enough have been seen";

/// The words for a line with unverified prices.
const UNVERIFIED: &str = "the line has unverified prices, from a file that nobody vouched for";

const BRAND: Type = Type::strong(27.0);
const SMALL: Type = Type::plain(17.0);
const VALUE: Type = Type::strong(21.0);
const CHIP: Type = Type::strong(14.0);
const UNIT: Type = Type::plain(46.0);
const LARGE: Type = Type::strong(104.0);

/// The content of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The time at which the picture is drawn, Unix seconds.
    pub drawn_at: u64,
    /// The node's chain; `None` if it is not known.
    pub chain: Option<String>,
    /// Whether the transactions are made up.
    pub simulated: bool,
    /// `None` if there is no price yet.
    pub price: Option<Price>,
}

/// The price and the doubt about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// USD for one BTC, above 0.
    pub usd: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Age of the newest payment that the price rests on, seconds.
    pub age: u64,
    /// Why the price is stale; `None` if it is not.
    pub stale: Option<Stale>,
    /// The prices of the last hours, oldest first.
    pub line: Vec<Dot>,
}

/// A doubt about the picture, written above the line.
struct Notice {
    /// The word on the coloured ground.
    chip: &'static str,
    /// The sentence beside it.
    sentence: String,
}

impl Price {
    fn level(&self) -> Level {
        Level::of(self.confidence)
    }

    fn interval(&self) -> String {
        format!("{} – {}", dollars(self.low), dollars(self.high))
    }

    /// Whether a price of the line is unverified.
    pub fn is_line_unverified(&self) -> bool {
        self.line.iter().any(|dot| dot.is_unverified)
    }

    /// The doubts about the price and its line.
    fn notices(&self) -> Vec<Notice> {
        let stale = self.stale.map(|reason| Notice {
            chip: "STALE",
            sentence: format!("not of this moment: {}", reason.in_words()),
        });
        let unverified = self.is_line_unverified().then(|| Notice {
            chip: "UNVERIFIED",
            sentence: UNVERIFIED.to_owned(),
        });
        [stale, unverified].into_iter().flatten().collect()
    }

    /// The colour of the confidence; grey if the price is not of this moment.
    fn colour(&self) -> Colour {
        match self.stale {
            Some(_) => MUTED,
            None => colour_of(self.level()),
        }
    }
}

/// Draws the picture.
pub fn drawn(seen: &Seen) -> Drawing {
    let mut drawing = Drawing {
        width: WIDTH,
        height: HEIGHT,
        words: words(seen),
        ground: GROUND,
        shapes: Vec::new(),
    };
    draw_head(&mut drawing, seen);
    match &seen.price {
        Some(price) => {
            let text = dollars(price.usd);
            draw_price(&mut drawing, &text, LARGE, price.colour());
            draw_facts(&mut drawing, price);
            draw_line(&mut drawing, price);
        }
        None => {
            draw_price(&mut drawing, "no price yet", UNIT, MUTED);
            SMALL.write(&mut drawing, NONE_YET, at(LEFT, LABELS), MUTED);
        }
    }
    drawing
}

/// The content of the picture in words.
fn words(seen: &Seen) -> String {
    let simulated = if seen.simulated { "SIMULATED: " } else { "" };
    let chain = other_chain(seen).map_or(String::new(), |chain| format!(" on the chain {chain}"));
    let moment = utc(seen.drawn_at);
    let Some(price) = &seen.price else {
        return format!("{simulated}1 BTC{chain}: no price yet, {moment}");
    };
    let notices = price.notices();
    let doubts: String = (notices
        .iter()
        .map(|notice| format!(", {}", notice.sentence)))
    .collect();
    format!(
        "{simulated}1 BTC{chain} = {}, 90 % interval {}, confidence {} {:.2}, {} old{doubts}, {moment}",
        dollars(price.usd),
        price.interval(),
        price.level().word(),
        price.confidence,
        age(price.age)
    )
}

/// Draws the logo, the name, chips for a simulation and for another chain, and the time.
fn draw_head(drawing: &mut Drawing, seen: &Seen) {
    draw_sign(drawing, LEFT - 3.0, HEAD - 42.5);
    let mut end = BRAND.write(drawing, "Satscope", at(LEFT + 68.0, HEAD), TEXT);
    if seen.simulated {
        end = draw_chip(drawing, "SIMULATED", at(end + 26.0, HEAD - 13.5), HIDDEN);
    }
    if let Some(chain) = other_chain(seen) {
        draw_chip(drawing, &chain, at(end + 18.0, HEAD - 13.5), HIDDEN);
    }
    let moment = utc(seen.drawn_at);
    SMALL.write_before(drawing, &moment, at(RIGHT, HEAD), MUTED);
}

/// The name of a chain other than the main one, without characters that have no glyph.
fn other_chain(seen: &Seen) -> Option<String> {
    let chain = seen.chain.as_ref().filter(|chain| *chain != "main")?;
    let name: String = chain.chars().filter(|letter| is_known(*letter)).collect();
    let name: String = name.chars().take(LONGEST_NAME).collect();
    Some(name).filter(|name| !name.trim().is_empty())
}

/// Draws the program's logo, as in `frontend/favicon.svg`.
fn draw_sign(drawing: &mut Drawing, left: f32, top: f32) {
    const SCALE: f32 = 1.8;
    let place = |x: f32, y: f32| at(left + x * SCALE, top + y * SCALE);
    let line = Path::line([place(2.0, 16.0), place(30.0, 16.0)]);
    drawing.stroke(line, 2.0 * SCALE, HIGH);
    let confirmed = [
        (5.0, 9.0, 1.6),
        (8.0, 16.0, 2.4),
        (13.0, 16.5, 2.4),
        (11.0, 24.0, 1.6),
    ];
    let mempool = [
        (19.0, 15.5, 2.8),
        (26.0, 16.0, 3.4),
        (22.0, 7.5, 1.8),
        (27.0, 25.0, 2.0),
    ];
    for (dots, colour) in [(confirmed, CONFIRMED), (mempool, MEMPOOL)] {
        for (x, y, radius) in dots {
            drawing.fill(Path::circle(place(x, y), radius * SCALE), colour, 1.0);
        }
    }
}

/// Draws a word on a coloured ground; `left` is the middle of the ground's left edge. Returns its right edge, pixels.
fn draw_chip(drawing: &mut Drawing, word: &str, left: Point, colour: Colour) -> f32 {
    const PADDING: f32 = 15.0;
    const TALL: f32 = 34.0;
    let Point { x, y } = left;
    let width = CHIP.width(word) + 2.0 * PADDING;
    let chip = Path::rounded(at(x, y - TALL / 2.0), width, TALL, TALL / 2.0);
    drawing.fill(chip, colour, 1.0);
    CHIP.write(drawing, word, at(x + PADDING, y + CHIP.size / 2.0), GROUND);
    x + width
}

/// Draws `1 BTC =`, and after it the price in a size that fits.
fn draw_price(drawing: &mut Drawing, text: &str, kind: Type, colour: Colour) {
    const SPACE: f32 = 22.0;
    let end = UNIT.write(drawing, "1 BTC =", at(LEFT - 4.0, PRICE), MUTED);
    let kind = kind.fitting(text, RIGHT - end - SPACE);
    kind.write(drawing, text, at(end + SPACE, PRICE), colour);
}

/// Draws the interval, the confidence and the age, each below its name.
fn draw_facts(drawing: &mut Drawing, price: &Price) {
    let level = format!("{} {:.2}", price.level().word(), price.confidence);
    let facts = [
        ("90 % interval", price.interval(), TEXT),
        ("Confidence", level, price.colour()),
        ("Newest payment", format!("{} old", age(price.age)), TEXT),
    ];
    let edges = [COLUMNS[1], COLUMNS[2], RIGHT];
    for ((left, edge), (name, value, colour)) in COLUMNS.into_iter().zip(edges).zip(facts) {
        SMALL.write(drawing, name, at(left, LABELS), MUTED);
        let colour = if price.stale.is_some() { MUTED } else { colour };
        let kind = VALUE.fitting(&value, edge - left - 24.0);
        let end = kind.write(drawing, &value, at(left, VALUES), colour);
        if name == "90 % interval" {
            let doubt = doubt(price.usd, price.low, price.high);
            let room = edge - end - 48.0;
            if SMALL.width(&doubt) <= room {
                SMALL.write(drawing, &doubt, at(end + 24.0, VALUES), MUTED);
            }
        }
    }
}

/// Draws the line of the last hours, and above it the doubts about the price and the line.
fn draw_line(drawing: &mut Drawing, price: &Price) {
    let (mut base, mut top) = (NOTICE, TOP);
    for Notice { chip, sentence } in price.notices() {
        let end = draw_chip(drawing, chip, at(LEFT, base - SMALL.size / 2.0), WARNING) + 14.0;
        let kind = SMALL.fitting(&sentence, RIGHT - end);
        kind.write(drawing, &sentence, at(end, base), WARNING);
        top = base + NOTICE_TO_CHART;
        base += NOTICE_HEIGHT;
    }
    let area = Area {
        left: LEFT,
        right: RIGHT,
        top,
        bottom: BOTTOM,
    };
    chart::draw(drawing, &price.line, area, price.colour());
}
