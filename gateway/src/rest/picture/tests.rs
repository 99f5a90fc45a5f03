use std::collections::BTreeSet;

use super::{
    card::{Price, Seen, drawn},
    chart::Dot,
    drawing::{Colour, Drawing, Ink, Step},
    glyphs::is_known,
    look::{HIGH, MUTED, WARNING},
    *,
};
use crate::state::freshness::Stale;

/// 2026-03-04T12:00:07Z.
const NOON: u64 = 1_772_625_607;

fn price() -> Price {
    let dot = |nth: u32| {
        let (nth, wave) = (f64::from(nth), (f64::from(nth) / 23.0).sin());
        let price = 96_600.0 + 420.0 * wave + 2.2 * nth + 90.0 * (nth / 5.0).sin();
        Dot {
            time: seconds(NOON * 1000) - 86_400.0 + nth * 300.0,
            price,
            low: price - 130.0,
            high: price + 130.0,
            is_unverified: false,
        }
    };
    Price {
        usd: 97_188.4,
        low: 97_062.0,
        high: 97_314.8,
        confidence: 0.93,
        age: 2,
        stale: None,
        line: (0..=288).map(dot).collect(),
    }
}

fn seen(price: Option<Price>) -> Seen {
    Seen {
        drawn_at: NOON,
        chain: Some("main".to_owned()),
        simulated: false,
        price,
    }
}

/// The line with its older half from a pack that was not vouched for.
fn unverified(mut line: Vec<Dot>) -> Vec<Dot> {
    let half = line.len() / 2;
    for dot in &mut line[..half] {
        dot.is_unverified = true;
    }
    line
}

/// What can be seen, with a name for each.
fn all() -> Vec<(&'static str, Seen)> {
    let low = Price {
        confidence: 0.31,
        low: 95_000.0,
        high: 99_000.0,
        ..price()
    };
    let stale = Price {
        age: 11_100,
        stale: Some(Stale::NoPayments),
        ..price()
    };
    let mut short = price();
    short.line.drain(..260);
    let unverified = Price {
        line: unverified(price().line),
        ..price()
    };
    let doubtful = Price {
        stale: Some(Stale::NoEstimate),
        ..unverified.clone()
    };
    let rich = Price {
        usd: 12_345_678.0,
        low: 12_345_000.0,
        high: 12_350_000.0,
        line: Vec::new(),
        ..price()
    };
    let elsewhere = Seen {
        chain: Some("regtest".to_owned()),
        simulated: true,
        ..seen(Some(price()))
    };
    vec![
        ("high", seen(Some(price()))),
        ("low", seen(Some(low))),
        ("stale", seen(Some(stale))),
        ("short", seen(Some(short))),
        ("unverified", seen(Some(unverified))),
        ("doubtful", seen(Some(doubtful))),
        ("rich", seen(Some(rich))),
        ("elsewhere", elsewhere),
        ("none", seen(None)),
    ]
}

fn colours(drawing: &Drawing) -> Vec<Colour> {
    drawing.shapes.iter().map(|shape| shape.colour).collect()
}

#[test]
fn the_picture_says_all_that_the_price_is() {
    let words = drawn(&seen(Some(price()))).words;
    assert_eq!(
        words,
        "1 BTC = $97,188, 90 % interval $97,062 – $97,315, confidence high 0.93, 2 s old, 2026-03-04 12:00:07 UTC"
    );
    let none = drawn(&seen(None)).words;
    assert_eq!(none, "1 BTC: no price yet, 2026-03-04 12:00:07 UTC");
    let elsewhere = Seen {
        chain: Some("regtest".to_owned()),
        simulated: true,
        ..seen(Some(price()))
    };
    let words = drawn(&elsewhere).words;
    assert!(
        words.starts_with("SIMULATED: 1 BTC on the chain regtest = $97,188, "),
        "{words}"
    );
}

#[test]
fn a_stale_price_is_grey_and_says_why() {
    for reason in Stale::ALL {
        let stale = Price {
            stale: Some(reason),
            ..price()
        };
        let fresh = drawn(&seen(Some(price())));
        let drawing = drawn(&seen(Some(stale)));
        let large = |drawing: &Drawing| {
            let shapes = drawing.shapes.iter();
            let large =
                shapes.filter(|shape| matches!(shape.ink, Ink::Stroked(width) if width > 12.0));
            large.map(|shape| shape.colour).collect::<Vec<_>>()
        };
        assert_eq!(large(&fresh), [HIGH], "the price");
        assert_eq!(large(&drawing), [MUTED], "the price");
        let green = |drawing: &Drawing| {
            let colours = colours(drawing);
            colours.iter().filter(|colour| **colour == HIGH).count()
        };
        // That of the sign is no word about the price.
        assert_eq!(green(&drawing), 1);
        assert!(green(&fresh) > 4);
        assert!(drawing.words.contains(reason.in_words()));
    }
}

#[test]
fn a_line_of_unverified_prices_is_said_to_be_so_beside_each_reason() {
    let words = "the line has unverified prices, from a file that nobody vouched for";
    let warnings = |drawing: &Drawing| {
        let colours = colours(drawing);
        colours.iter().filter(|colour| **colour == WARNING).count()
    };
    assert_eq!(warnings(&drawn(&seen(Some(price())))), 0);
    for (stale, expected) in [None]
        .into_iter()
        .chain(Stale::ALL.map(Some))
        .map(|stale| (stale, if stale.is_some() { 4 } else { 2 }))
    {
        let doubtful = Price {
            stale,
            line: unverified(price().line),
            ..price()
        };
        let drawing = drawn(&seen(Some(doubtful)));
        assert!(drawing.words.contains(words), "{}", drawing.words);
        // A chip and a sentence for each.
        assert_eq!(warnings(&drawing), expected, "{stale:?}");
    }
}

#[test]
fn all_that_is_drawn_has_glyphs() {
    let mut texts: Vec<String> = Stale::ALL.map(|reason| reason.in_words().to_owned()).into();
    for (_, seen) in all() {
        texts.push(drawn(&seen).words);
    }
    for seconds in [0, 59, 3599, 7260, 400_000, NOON, u64::MAX] {
        texts.extend([
            words::age(seconds),
            words::utc(seconds),
            words::time_of_day(seconds),
        ]);
    }
    for usd in [0.01, 999.99, 1e3, 97_188.0, 1e7, 1e15] {
        texts.extend([words::dollars(usd), words::doubt(usd, usd / 2.0, usd * 2.0)]);
    }
    let letters: BTreeSet<char> = texts.iter().flat_map(|text| text.chars()).collect();
    let unknown: Vec<&char> = letters
        .iter()
        .filter(|letter| !is_known(**letter))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn a_chain_of_any_name_is_a_short_word_of_known_letters() {
    for (name, named) in [
        ("main", None),
        ("", None),
        ("測試", None),
        ("testnet4", Some("testnet4")),
        ("<b>\"x\"&\u{202e}y", Some("bxy")),
        ("a-very-long-name-of-a-chain", Some("a-very-long-")),
    ] {
        let seen = Seen {
            chain: Some(name.to_owned()),
            ..seen(None)
        };
        let words = drawn(&seen).words;
        let expected = named.map_or("1 BTC:".to_owned(), |name| {
            format!("1 BTC on the chain {name}:")
        });
        assert!(words.starts_with(&expected), "{name}: {words}");
    }
}

#[test]
fn all_lies_within_the_picture() {
    for (name, seen) in all() {
        for shape in drawn(&seen).shapes {
            for step in &shape.path.steps {
                if let Step::Move(to) | Step::Line(to) | Step::Curve(_, _, to) = step {
                    let is_within =
                        (20.0..=1180.0).contains(&to.x) && (20.0..=610.0).contains(&to.y);
                    assert!(is_within, "{name}: {to:?}");
                }
            }
        }
    }
}

#[test]
fn numbers_that_are_odd_are_drawn_all_the_same() {
    for (usd, low, high) in [(0.004, 0.001, 9.0), (1e12, 1e-3, 1e300), (5.0, 5.0, 5.0)] {
        let mut odd = Price {
            usd,
            low,
            high,
            age: u64::MAX,
            ..price()
        };
        for dot in &mut odd.line {
            dot.price = usd;
            dot.high = high;
        }
        let svg = Form::Svg.written(&seen(Some(odd.clone()))).unwrap();
        let svg = std::str::from_utf8(&svg).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(Form::Png.written(&seen(Some(odd))).is_ok());
    }
}

#[test]
fn the_svg_is_of_paths_alone() {
    for (name, seen) in all() {
        let svg = Form::Svg.written(&seen).unwrap();
        let svg = std::str::from_utf8(&svg).unwrap();
        let elements: BTreeSet<&str> = svg
            .split('<')
            .skip(1)
            .filter_map(|text| text.split([' ', '>']).next())
            .filter(|name| !name.starts_with('/'))
            .collect();
        assert_eq!(elements, ["path", "svg", "title"].into(), "{name}");
        for refused in ["style", "href", "url(", "font", "script"] {
            assert!(!svg.contains(refused), "{name}: {refused}");
        }
        assert!(svg.len() < 60_000, "{name}: {} bytes", svg.len());
    }
}

#[test]
fn the_png_is_of_the_size_that_is_promised() {
    for (name, seen) in all() {
        let png = Form::Png.written(&seen).unwrap();
        let pixels = tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (1200, 630), "{name}");
        let ground = pixels.pixel(1199, 629).unwrap();
        let drawn = pixels
            .pixels()
            .iter()
            .filter(|pixel| **pixel != ground)
            .count();
        assert!((10_000..400_000).contains(&drawn), "{name}: {drawn} pixels");
        assert!(png.len() < 200_000, "{name}: {} bytes", png.len());
    }
}

/// Writes all pictures into the folder that `SATSCOPE_PICTURES` names, and says how long each took: to be looked at.
#[test]
fn pictures_to_be_looked_at() {
    let Some(folder) = std::env::var_os("SATSCOPE_PICTURES") else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    for (name, seen) in all() {
        for (form, kind) in [(Form::Svg, "svg"), (Form::Png, "png")] {
            let began = std::time::Instant::now();
            let bytes = form.written(&seen).unwrap();
            println!(
                "{name}.{kind}: {} bytes in {:?}",
                bytes.len(),
                began.elapsed()
            );
            std::fs::write(folder.join(format!("{name}.{kind}")), bytes).unwrap();
        }
    }
}
