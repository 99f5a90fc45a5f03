use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_oracle::past::BlockPrice;
use satscope_proto::v1::{self as proto, HistorianState, HistorySource};
use tonic::Code;

use super::*;
use crate::{
    progress::Doing,
    store::{BlockRow, PeriodRow, PeriodState, Tip},
};

fn hash(height: u32) -> BlockHash {
    BlockHash::hash(&height.to_le_bytes())
}

fn block(height: u32) -> BlockRow {
    let cents = 5_000_000 + u64::from(height);
    BlockRow {
        height,
        time: 1_600_000_000 + u64::from(height) * 600,
        hash: hash(height),
        price: Some(BlockPrice {
            price_cents: cents,
            low_cents: cents - 1000,
            high_cents: cents + 2000,
            confidence_thousandths: 800,
        }),
        payments: 77,
        model: 1,
    }
}

/// A service with blocks 0 to 40.
fn service() -> Service {
    let archive = Archive::new(None, true).unwrap();
    let history = archive.open("regtest", hash(0)).unwrap();
    let period = PeriodRow {
        period: 0,
        state: PeriodState::Open,
        model: 1,
        lock: Vec::new(),
        disputed: false,
    };
    let rows: Vec<_> = (0..=40).map(block).collect();
    let tip = Tip {
        height: 40,
        hash: hash(40),
    };
    history
        .write(|writer| writer.put_tail(0, &rows, &[period], tip))
        .unwrap();
    Service::new(archive, Progress::default())
}

async fn price_at(
    service: &Service,
    at: Option<At>,
    source: i32,
) -> Result<proto::PastPrice, Status> {
    let request = Request::new(GetPriceAtRequest { at, source });
    let answer = service.get_price_at(request).await?.into_inner();
    Ok(answer.price.unwrap())
}

#[tokio::test]
async fn a_price_has_all_that_is_known_of_it() {
    let service = service();
    let price = price_at(&service, Some(At::Time(1_600_000_601)), 0)
        .await
        .unwrap();
    let expected = proto::PastPrice {
        time: 1_600_000_600,
        price_cents: 5_000_001,
        low_cents: 4_999_001,
        high_cents: 5_002_001,
        confidence_thousandths: 800,
        count: 77,
        source: HistorySource::Block.into(),
        state: proto::BlockState::Settled.into(),
        height: Some(1),
        model: 1,
    };
    assert_eq!(price, expected);
    let price = price_at(&service, Some(At::Height(40)), 1).await.unwrap();
    assert_eq!(price.state(), proto::BlockState::Provisional);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let service = service();
    for at in [At::Time(1_599_999_999), At::Height(41)] {
        let status = price_at(&service, Some(at), 0).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_names_field_and_expectation() {
    let service = service();
    let mut refused = vec![
        (
            price_at(&service, None, 0).await.unwrap_err(),
            "at is missing",
        ),
        (
            price_at(&service, Some(At::Height(1)), 2)
                .await
                .unwrap_err(),
            "source = 2",
        ),
        (
            price_at(&service, Some(At::Time(1)), 9).await.unwrap_err(),
            "source = 9",
        ),
    ];
    let series = GetSeriesRequest {
        from: 9,
        to: 8,
        ..GetSeriesRequest::default()
    };
    let series = service.get_series(Request::new(series)).await;
    refused.push((series.unwrap_err(), "to is before from"));
    let candles = GetCandlesRequest {
        from: 1,
        to: 8,
        step: 60,
    };
    let candles = service.get_candles(Request::new(candles)).await;
    refused.push((candles.unwrap_err(), "step = 60"));
    for (status, word) in refused {
        assert_eq!(status.code(), Code::InvalidArgument);
        let words = status.message();
        assert!(
            words.contains(word) && words.contains("expected"),
            "{words}"
        );
    }
}

#[tokio::test]
async fn series_and_candles_are_given_in_order() {
    let service = service();
    let request = GetSeriesRequest {
        from: 0,
        to: u64::MAX,
        ..GetSeriesRequest::default()
    };
    let series = service
        .get_series(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (series.prices.len(), series.complete, series.minutes_from),
        (41, true, None)
    );
    let request = GetCandlesRequest {
        from: 0,
        to: u64::MAX,
        step: 3600,
    };
    let candles = service
        .get_candles(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let blocks: u32 = candles.candles.iter().map(|candle| candle.blocks).sum();
    assert_eq!((blocks, candles.complete), (41, true));
    assert!(candles.candles.iter().all(|candle| candle.prices.is_some()));
}

#[tokio::test]
async fn without_a_file_there_is_coverage_alone() {
    let progress = Progress::default();
    progress.update(|report| {
        report.detail = "waiting for the node".to_owned();
        report.doing = Doing::Waiting;
    });
    let service = Service::new(Archive::new(None, false).unwrap(), progress);
    let status = price_at(&service, Some(At::Time(1)), 0).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let coverage = service
        .get_coverage(Request::new(GetCoverageRequest {}))
        .await;
    let coverage = coverage.unwrap().into_inner().coverage.unwrap();
    assert_eq!((coverage.chain.as_str(), coverage.simulated), ("", false));
    assert_eq!(coverage.state(), HistorianState::Waiting);
    assert_eq!(
        (coverage.detail.as_str(), coverage.first_height),
        ("waiting for the node", None)
    );
}

#[tokio::test]
async fn coverage_joins_what_is_reported_and_what_the_file_has() {
    let service = service();
    service.progress.update(|report| {
        report.doing = Doing::Filling;
        report.tip = Some(Tip {
            height: 50,
            hash: hash(50),
        });
        (report.read_blocks, report.wanted_blocks) = (41, 51);
        report.left_seconds = Some(9);
    });
    let coverage = service
        .get_coverage(Request::new(GetCoverageRequest {}))
        .await;
    let coverage = coverage.unwrap().into_inner().coverage.unwrap();
    assert_eq!(
        (coverage.chain.as_str(), coverage.simulated),
        ("regtest", true)
    );
    assert_eq!(
        (coverage.tip_height, coverage.last_height),
        (Some(50), Some(40))
    );
    assert_eq!(
        (coverage.settled_height, coverage.final_height),
        (Some(22), None)
    );
    assert_eq!(
        (
            coverage.blocks,
            coverage.read_blocks,
            coverage.wanted_blocks
        ),
        (41, 41, 51)
    );
    assert_eq!(coverage.since_time, Some(1_600_000_000));
    assert_eq!(
        (coverage.left_seconds, coverage.state()),
        (Some(9), HistorianState::Filling)
    );
}

#[tokio::test]
async fn coverage_of_a_damaged_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let archive = || Archive::new(Some(folder.path().to_owned()), true).unwrap();
    let history = archive().open("regtest", hash(0)).unwrap();
    let period = PeriodRow {
        period: 0,
        state: PeriodState::Final,
        model: 1,
        lock: Vec::new(),
        disputed: false,
    };
    let rows: Vec<_> = (0..2016).map(block).collect();
    history
        .write(|writer| writer.put_period(&period, &rows))
        .unwrap();
    let path = history.readers().path().to_owned();
    drop(history);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8 * 4096..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let archive = archive();
    archive.open("regtest", hash(0)).unwrap();
    let service = Service::new(archive, Progress::default());
    let coverage = service
        .get_coverage(Request::new(GetCoverageRequest {}))
        .await;
    let coverage = coverage.unwrap().into_inner().coverage.unwrap();
    assert_eq!(
        (coverage.state(), coverage.detail.as_str()),
        (HistorianState::Stuck, "the history's file is damaged")
    );
    assert_eq!(coverage.chain, "regtest");
}
