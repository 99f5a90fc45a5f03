//! Bad packs: each is refused with words that name its fault, and changes nothing.

use std::io::Write as _;

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use proptest::prelude::*;

use super::*;
use crate::{pack::MOST_UNPACKED, text::hex};

/// Words of the refusal, and a change to a block that must be refused.
type Spoilt = (&'static str, fn(&mut BlockRow));

/// A folder with a history of period 1, and a good pack of periods 0 to 2.
struct Target {
    node: FakeNode,
    folder: TempDir,
    head: Head,
    periods: Vec<SealedPeriod>,
    bytes: Vec<u8>,
}

impl Target {
    async fn new() -> Target {
        let node = FakeNode::new(TIP);
        let source = Kept::filled(&node, &[0, 1, 2]).await;
        let (file, _) = source.pack(&node).await;
        let (head, periods) = periods_of(&file);
        let bytes = std::fs::read(&file).unwrap();
        let Kept { folder, writer, .. } = Kept::filled(&node, &[1]).await;
        drop(writer);
        Target {
            node,
            folder,
            head,
            periods,
            bytes,
        }
    }

    /// The words that refuse a file; the history is then as it was.
    async fn refuses(&self, bytes: &[u8], expected: Option<[u8; 32]>) -> String {
        let file = self.folder.path().join("bad");
        std::fs::write(&file, bytes).unwrap();
        let history = path_in(self.folder.path());
        let before = std::fs::read(&history).unwrap();
        let refused = take(&file, self.folder.path(), expected, Some(&self.node)).await;
        assert_eq!(
            std::fs::read(&history).unwrap(),
            before,
            "the history has changed"
        );
        match refused {
            Ok(taken) => panic!("it was taken: {taken:?}"),
            Err(refused) => refused.to_string(),
        }
    }

    /// The same for a pack of changed periods.
    async fn refuses_periods(
        &self,
        change: impl FnOnce(&mut Head, &mut Vec<SealedPeriod>),
    ) -> String {
        let (mut head, mut periods) = (self.head.clone(), self.periods.clone());
        change(&mut head, &mut periods);
        let file = self.folder.path().join("bad");
        write(&file, &head, &periods);
        let bytes = std::fs::read(&file).unwrap();
        self.refuses(&bytes, None).await
    }
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(bytes), &mut all).unwrap();
    all
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[tokio::test]
async fn a_file_that_is_cut_off_changed_or_no_pack_is_refused() {
    let target = Target::new().await;
    let whole = &target.bytes;
    for length in [
        0,
        1,
        9,
        17,
        40,
        whole.len() / 2,
        whole.len() - 9,
        whole.len() - 1,
    ] {
        let words = target.refuses(&whole[..length], None).await;
        assert!(
            words.contains("cut off") || words.contains("no pack"),
            "{length}: {words}"
        );
    }
    let mut flipped = whole.clone();
    let at = flipped.len() / 2;
    flipped[at] ^= 0x40;
    assert!(!target.refuses(&flipped, None).await.is_empty());
    let longer = [whole.as_slice(), b"x"].concat();
    assert!(
        target
            .refuses(&longer, None)
            .await
            .contains("bytes follow its end")
    );
    let plain = unpacked(whole);
    let period = 2016 * 70;
    let cut = packed(&plain[..plain.len() - period / 2]);
    assert!(
        target
            .refuses(&cut, None)
            .await
            .contains("after 2 whole periods")
    );
    assert!(
        target
            .refuses(&packed(b"SATSPOCK and more"), None)
            .await
            .contains("other first bytes")
    );
    assert!(target.refuses(b"a letter", None).await.contains("no gzip"));
    let newer = [&plain[..8], &2u16.to_le_bytes(), &plain[10..]].concat();
    let words = target.refuses(&packed(&newer), None).await;
    assert!(
        words.contains("format 2, and this program reads format 1"),
        "{words}"
    );
    let head = 8 + 2 + 1 + "regtest".len() + 1 + 32 + 4;
    assert!(
        target
            .refuses(&packed(&plain[..head]), None)
            .await
            .contains("no period")
    );
}

#[tokio::test]
async fn a_pack_of_another_chain_or_model_is_refused() {
    let target = Target::new().await;
    let other = target.refuses_periods(|head, periods| {
        head.identity.genesis = periods[0].rows[3].hash;
        periods.iter_mut().for_each(|sealed| {
            let first = sealed.row.first_height();
            sealed.digest = digest(head.identity.genesis, head.model, first, &sealed.rows);
        });
    });
    let words = other.await;
    assert!(
        words.contains("the pack is of chain \"regtest\"") && words.contains("expected chain"),
        "{words}"
    );
    let named = target
        .refuses_periods(|head, _| head.identity.chain = "signet".to_owned())
        .await;
    assert!(named.contains("expected chain \"regtest\""), "{named}");
    // A file of a real chain with another first block would keep the true one from being opened.
    let real = target
        .refuses_periods(|head, _| head.identity.simulated = false)
        .await;
    assert!(real.contains("as Bitcoin has it"), "{real}");
    let model = target.refuses_periods(|head, _| head.model = 2).await;
    assert!(
        model.contains("of model 2, and this program's is model 1"),
        "{model}"
    );
}

#[tokio::test]
async fn periods_twice_or_out_of_order_are_refused() {
    let target = Target::new().await;
    let twice = target
        .refuses_periods(|_, periods| periods.insert(1, periods[0].clone()))
        .await;
    assert!(twice.contains("period 0 follows period 0"), "{twice}");
    let turned = target.refuses_periods(|_, periods| periods.reverse()).await;
    assert!(turned.contains("period 1 follows period 2"), "{turned}");
    let beyond = target
        .refuses_periods(|_, periods| periods[2].row.period = u32::MAX)
        .await;
    assert!(beyond.contains("no block has a height"), "{beyond}");
}

#[tokio::test]
async fn rows_that_cannot_be_true_are_refused() {
    let target = Target::new().await;
    let spoilt: [Spoilt; 9] = [
        ("impossible", |row| row.time = 0),
        ("impossible", |row| row.time = u64::MAX),
        ("before its parent", |row| row.time -= 100_000),
        ("impossible", |row| {
            row.price.as_mut().unwrap().low_cents = 0;
        }),
        ("impossible", |row| {
            row.price.as_mut().unwrap().low_cents += 2;
        }),
        ("impossible", |row| {
            row.price.as_mut().unwrap().high_cents -= 2;
        }),
        ("impossible", |row| {
            row.price.as_mut().unwrap().high_cents = u64::MAX;
        }),
        ("impossible", |row| {
            row.price.as_mut().unwrap().price_cents = 0;
        }),
        ("impossible", |row| {
            row.price.as_mut().unwrap().confidence_thousandths = 1001;
        }),
    ];
    for (expected, spoil) in spoilt {
        let words = target
            .refuses_periods(|head, periods| forge(head, &mut periods[2], 5, spoil))
            .await;
        assert!(
            words.contains("block 4037") && words.contains(expected),
            "{words}"
        );
        assert!(words.contains("period 2 of the pack"), "{words}");
    }
    let earlier = target.refuses_periods(|head, periods| {
        periods[2]
            .rows
            .iter_mut()
            .for_each(|row| row.time -= 10_000_000);
        forge(head, &mut periods[2], 0, |_| {});
    });
    assert!(earlier.await.contains("is before its parent"));
    let digest = target
        .refuses_periods(|_, periods| periods[0].rows[0].payments += 1)
        .await;
    assert!(digest.contains("do not have its digest"), "{digest}");
    let lock = target
        .refuses_periods(|_, periods| periods[0].row.lock = vec![1])
        .await;
    assert!(lock.contains("its lock is none"), "{lock}");
    let long = target
        .refuses_periods(|_, periods| periods[0].row.lock = vec![0; 9000])
        .await;
    assert!(long.contains("9000 bytes"), "{long}");
}

#[tokio::test]
async fn a_pack_with_another_hash_than_expected_is_refused() {
    let target = Target::new().await;
    let words = target.refuses(&target.bytes, Some([7; 32])).await;
    assert!(words.contains(&hex(&[7; 32])), "{words}");
    // A changed lock changes no row, but the hash over all.
    let true_hash = {
        let mut pack = PackReader::new(&target.bytes[..]).unwrap();
        pack.by_ref().for_each(drop);
        pack.over_all().hash()
    };
    let mut periods = target.periods.clone();
    let last = periods[0].row.lock.len() - 1;
    periods[0].row.lock[last] ^= 1;
    let file = target.folder.path().join("bad");
    write(&file, &target.head, &periods);
    let bytes = std::fs::read(&file).unwrap();
    let words = target.refuses(&bytes, Some(true_hash)).await;
    assert!(
        words.contains("expected") && words.contains("another history"),
        "{words}"
    );
}

#[test]
fn a_pack_that_unpacks_to_too_much_is_given_up_in_small_memory() {
    let node = FakeNode::new(0);
    let head = Head {
        identity: Identity {
            chain: "regtest".to_owned(),
            genesis: node.tip().hash,
            simulated: true,
        },
        model: MODEL,
    };
    let mut bytes = PackWriter::new(Vec::new(), &head)
        .unwrap()
        .finish()
        .unwrap();
    bytes = unpacked(&bytes);
    bytes.extend(std::iter::repeat_n(0, 100_000));
    let zeros = packed(&bytes);
    let mut pack = PackReader::with_limit(&zeros[..], 50_000).unwrap();
    let refused = pack.next().unwrap().unwrap_err();
    assert!(
        matches!(
            refused,
            PackError::Period { .. } | PackError::TooLarge { .. }
        ),
        "{refused}"
    );
    // Sound periods, one more than fits.
    let sealed = sound(&head);
    let mut writer = PackWriter::new(Vec::new(), &head).unwrap();
    (0..3).for_each(|number| writer.add(&sealed(number)).unwrap());
    let whole = writer.finish().unwrap();
    let unpacked_bytes = unpacked(&whole).len() as u64;
    for (limit, fits) in [
        (unpacked_bytes + 1, 3),
        (unpacked_bytes - 1, 2),
        (unpacked_bytes / 2, 1),
    ] {
        let pack = PackReader::with_limit(&whole[..], limit).unwrap();
        let read: Vec<_> = pack.collect();
        let good = read.iter().filter(|sealed| sealed.is_ok()).count();
        assert_eq!(good, fits, "{limit}");
        let last = read.last().unwrap();
        let is_too_large = matches!(last, Err(PackError::TooLarge { .. }));
        assert_eq!(is_too_large, fits < 3, "{last:?}");
    }
    assert_eq!(MOST_UNPACKED, 256 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A changed byte is met by an error, or is one of the chain's name and kind, which the digests do not cover.
    #[test]
    fn no_changed_byte_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let genesis = FakeNode::new(0).tip().hash;
        let identity = Identity { chain: "regtest".to_owned(), genesis, simulated: true };
        let head = Head { identity, model: MODEL };
        let mut writer = PackWriter::new(Vec::new(), &head).unwrap();
        writer.add(&sound(&head)(0)).unwrap();
        let mut bytes = unpacked(&writer.finish().unwrap());
        // Half of the changes are in the first bytes.
        let at = at.index(2 * bytes.len());
        let at = if at < bytes.len() { at } else { at % 100 };
        bytes[at] ^= 1 << bit;
        let changed = packed(&bytes);
        let is_seen = match PackReader::new(&changed[..]) {
            Err(_) => true,
            Ok(mut pack) => pack.head() != &head || pack.any(|sealed| sealed.is_err()),
        };
        prop_assert!(is_seen, "byte {at}");
    }
}

/// Makes a period of blocks without prices.
pub fn sound(head: &Head) -> impl Fn(u32) -> SealedPeriod {
    let head = head.clone();
    move |number| {
        let row = crate::store::PeriodRow {
            period: number,
            state: crate::store::PeriodState::Final,
            model: head.model,
            lock: Vec::new(),
            disputed: false,
        };
        let heights = row.first_height()..=row.last_height();
        let block = |height| BlockRow {
            height,
            time: 1_600_000_000 + u64::from(height),
            hash: head.identity.genesis,
            price: None,
            payments: 1,
            model: head.model,
        };
        let rows: Vec<BlockRow> = heights.map(block).collect();
        let digest = digest(head.identity.genesis, head.model, row.first_height(), &rows);
        SealedPeriod { row, rows, digest }
    }
}
