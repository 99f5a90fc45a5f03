//! What is written is read back by a decoder of its own, and is what the page's tests read.

use std::{collections::BTreeSet, path::Path};

use proptest::prelude::*;

use super::*;

/// Reads from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes
    }

    fn u32(&mut self) -> usize {
        u32::from_le_bytes(self.bytes(4).try_into().unwrap())
            .try_into()
            .unwrap()
    }

    fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.bytes(8).try_into().unwrap())
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.bytes(1)[0];
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn numbers(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.number()).collect()
    }

    fn differences(&mut self, count: usize) -> Vec<u64> {
        let low = self.bytes(count);
        let high = self.numbers(count);
        high.iter()
            .zip(low)
            .map(|(high, low)| (high << 8) | u64::from(*low))
            .collect()
    }

    fn id(&mut self) -> String {
        match self.number() {
            0 => {
                let beginning = u64::from_be_bytes(self.bytes(8).try_into().unwrap());
                format!("{beginning:016x}-{}", self.number())
            }
            length => String::from_utf8(self.bytes(length as usize).to_vec()).unwrap(),
        }
    }
}

/// The sequence, and the points of each section; a confirmed point has an empty id.
fn read(bytes: &[u8]) -> (u64, Vec<Vec<Point>>) {
    let mut reader = Reader(bytes);
    assert_eq!(reader.bytes(8), MAGIC);
    assert_eq!(reader.u32(), 1);
    let sums = reader.u32();
    let sequence = u64::from_le_bytes(reader.bytes(8).try_into().unwrap());
    let reference_usd = reader.f64();
    let sums: Vec<f64> = (0..sums).map(|_| reader.f64()).collect();
    let mut sections = Vec::new();
    while !reader.0.is_empty() {
        let length = reader.u32();
        let mut section = Reader(reader.bytes(length));
        let count = section.u32();
        let stamps = section.differences(count);
        let kinds = section.numbers(count);
        let values = section.differences(count);
        let mut time_ms = 0;
        let mut points = Vec::new();
        for ((stamp, kind), value) in stamps.iter().zip(kinds).zip(values) {
            time_ms += stamp;
            let round_usd = sums[(kind / 2) as usize];
            let expected = (round_usd / reference_usd * 1e8).floor().min(21e14) as u64;
            let value_sats = match value % 2 {
                0 => expected + value / 2,
                _ => expected - value / 2 - 1,
            };
            let is_confirmed = kind % 2 == 1;
            points.push(Point {
                id: match is_confirmed {
                    true => "".into(),
                    false => section.id().into(),
                },
                time_ms,
                price: round_usd / (value_sats as f64 / 1e8),
                value_sats,
                round_usd,
                state: match is_confirmed {
                    true => PointState::Confirmed,
                    false => PointState::Mempool,
                },
            });
        }
        assert_eq!(section.0, b"");
        sections.push(points);
    }
    (sequence, sections)
}

fn point(id: &str, time_ms: u64, round_usd: f64, value_sats: u64, is_confirmed: bool) -> Point {
    Point {
        id: id.into(),
        time_ms,
        price: round_usd / (value_sats as f64 / 1e8),
        value_sats,
        round_usd,
        state: match is_confirmed {
            true => PointState::Confirmed,
            false => PointState::Mempool,
        },
    }
}

fn of(all: &[Point]) -> Points {
    let mut points = Points::default();
    for point in all {
        points.insert(point.clone());
    }
    points
}

fn any_point() -> impl Strategy<Value = Point> {
    let id = prop_oneof![
        "[0-9a-f]{16}-[0-9]{1,3}",
        "[0-9A-F]{16}-0[0-9]",
        "\\PC{1,300}"
    ];
    let time_ms = prop_oneof![
        1_u64..20,
        1_700_000_000_000_u64..1_700_010_800_000,
        1_u64..1 << 53
    ];
    let round_usd = prop_oneof![
        (0_usize..44).prop_map(|at| [5.0, 10.0, 20.0, 50.0][at % 4] * (1 + at / 4) as f64),
        (f32::MIN_POSITIVE..f32::MAX).prop_map(f64::from),
    ];
    let value_sats = prop_oneof![1_u64..1_000_000, 1..=MOST_SATS];
    (id, time_ms, round_usd, value_sats, any::<bool>()).prop_map(
        |(id, time_ms, usd, sats, is_confirmed)| point(&id, time_ms, usd, sats, is_confirmed),
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        all in prop::collection::vec(any_point(), 0..300),
        sequence in 0_u64..1 << 53,
    ) {
        let points = of(&all);
        let (told, sections) = read(&columns(sequence.into(), &points));
        prop_assert_eq!(told, sequence);
        prop_assert_eq!(sections.len(), 2);
        let read: Vec<Point> = sections.into_iter().rev().flatten().collect();
        let expected: Vec<Point> = points
            .iter()
            .map(|point| match point.state {
                PointState::Confirmed => Point { id: "".into(), ..point.clone() },
                _ => point.clone(),
            })
            .collect();
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn the_newest_quarter_of_an_hour_comes_first() {
    let at = |minutes: u64| {
        point(
            &format!("{minutes}"),
            60_000 * minutes + 1,
            20.0,
            40_000,
            false,
        )
    };
    let (_, sections) = read(&columns(7.into(), &of(&[at(1), at(84), at(85), at(100)])));
    let minutes = |section: &[Point]| -> Vec<u64> {
        section.iter().map(|point| point.time_ms / 60_000).collect()
    };
    assert_eq!(minutes(&sections[0]), [85, 100]);
    assert_eq!(minutes(&sections[1]), [1, 84]);
}

#[test]
fn a_point_whose_amount_no_output_can_have_is_left_out() {
    let good = point("good", 5, 20.0, MOST_SATS, false);
    let all = [
        good.clone(),
        point("none", 6, 20.0, 0, false),
        point("more", 7, 20.0, MOST_SATS + 1, true),
    ];
    let (_, sections) = read(&columns(7.into(), &of(&all)));
    assert_eq!(sections, [vec![good], vec![]]);
}

#[test]
fn no_points_are_two_empty_sections() {
    assert_eq!(
        read(&columns(7.into(), &Points::default())),
        (7, vec![vec![], vec![]])
    );
}

/// Points of all kinds: alike ones, ids of either form, more round sums than one byte numbers, both sections.
fn samples() -> Vec<Point> {
    let made = (0..150_u64).map(|at| {
        let round_usd =
            [20.0, 50.0, 100.0, f64::from(0.1_f32)][(at % 4) as usize] * (1 + at / 2) as f64;
        let expected_sats = round_usd / 65_432.1 * 1e8;
        let value_sats = (expected_sats * (0.97 + 0.06 * (at % 17) as f64 / 17.0)).ceil() as u64;
        let id = match at % 7 {
            0 => format!("ünlike {at}"),
            _ => format!("{:016x}-{at}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        };
        let time_ms = 1_763_800_000_000 - at * at * 200;
        point(&id, time_ms, round_usd, value_sats, at % 3 != 0)
    });
    let alike = (0..3).map(|at| {
        point(
            &format!("alike-{at}"),
            1_763_799_999_000,
            20.0,
            30_000,
            at != 1,
        )
    });
    let extremes = [
        point("most", 1_763_799_000_000, 20.0, MOST_SATS, false),
        point("least", 1_763_799_000_000, 1e30, 1, true),
    ];
    made.chain(alike).chain(extremes).collect()
}

/// The bytes and the same points as JSON, from which `frontend/tests/columns.test.mjs` reads. With
/// `SATSCOPE_WRITE_FIXTURES` they are written anew.
#[test]
fn the_pages_tests_read_what_is_written_here() {
    let points = of(&samples());
    let sequence = Sequence::from((7 << 33) + 12_345);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontend/tests/fixtures");
    for (name, bytes) in [
        ("points.bin", columns(sequence, &points)),
        (
            "points.json",
            super::super::message::all_points(sequence, points.iter()),
        ),
    ] {
        let path = folder.join(name);
        if std::env::var_os("SATSCOPE_WRITE_FIXTURES").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "{name} is of another encoder"
        );
    }
    let kinds: BTreeSet<u64> = points
        .iter()
        .map(|point| point.round_usd.to_bits())
        .collect();
    assert!(kinds.len() > 64, "a number of two bytes is among them");
}
