//! What each server tells of itself: its services, its health, its calls, and its metrics.

use std::{collections::BTreeSet, net::SocketAddr};

use satscope_proto::v1::{GetPriceRequest, PriceUpdatesRequest};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    chain::{Chain, Served},
    grpc::{channel, next, prices},
    metrics::Scrape,
    part::reserve_address,
    socket::Socket,
    wait::{in_time, until},
};

const INGEST: &str = "satscope.v1.IngestService";
const PRICES: &str = "satscope.v1.PriceService";

/// The services that a server names by one version of reflection.
macro_rules! reflected {
    ($address:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel($address).await);
        let requests = tokio_stream::once(request);
        let answers = in_time("reflection", client.server_reflection_info(requests)).await;
        let answer = next(&mut answers.unwrap().into_inner()).await.unwrap();
        match answer.message_response {
            Some(MessageResponse::ListServicesResponse(list)) => list
                .service
                .into_iter()
                .map(|service| service.name)
                .collect::<BTreeSet<_>>(),
            other => panic!("expected a list of services, got {other:?}"),
        }
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_in_both_versions_lists_the_services_of_both_servers() {
    let chain = Chain::on_simulation(&[]).await;
    for (served, service) in [(&chain.ingest, INGEST), (&chain.analyzer, PRICES)] {
        for services in [
            reflected!(served.address, v1),
            reflected!(served.address, v1alpha),
        ] {
            for expected in [service, "grpc.health.v1.Health"] {
                assert!(
                    services.contains(expected),
                    "{expected} is not in {services:?}"
                );
            }
        }
    }
}

async fn health(address: SocketAddr, service: &str) -> ServingStatus {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut client = HealthClient::new(channel(address).await);
    let answer = in_time("health", client.check(request)).await.unwrap();
    answer.into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_serving_whatever_a_part_still_waits_for() {
    let lonely = Served::analyzer(reserve_address()).await;
    let blind = Served::ingest(&format!("tcp://{}", reserve_address()), &[]).await;
    for (served, service) in [(&blind, INGEST), (&lonely, PRICES)] {
        for name in ["", service] {
            until("SERVING", async || {
                let status = health(served.address, name).await;
                (status == ServingStatus::Serving).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_counted_by_its_method_and_how_it_ended() {
    let chain = Chain::on_simulation(&[]).await;
    let mut client = prices(chain.analyzer.address).await;
    let asking = client.get_price(GetPriceRequest {});
    in_time("GetPrice", asking).await.unwrap();
    let mut health = HealthClient::new(channel(chain.analyzer.address).await);
    let unknown = HealthCheckRequest {
        service: "nobody".to_owned(),
    };
    let refused = in_time("Check", health.check(unknown)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let asking = client.price_updates(PriceUpdatesRequest { after_sequence: 0 });
    let mut updates = in_time("PriceUpdates", asking).await.unwrap().into_inner();
    next(&mut updates).await.unwrap();
    drop((updates, client));

    let ended = [
        ("satscope.v1.PriceService/GetPrice", "Ok"),
        ("grpc.health.v1.Health/Check", "NotFound"),
        ("satscope.v1.PriceService/PriceUpdates", "Gone"),
    ];
    for (method, code) in ended {
        let (method, labels) = (
            format!("method=\"{method}\""),
            format!("method=\"{method}\",code=\"{code}\""),
        );
        until(&labels, async || {
            let scrape = Scrape::of(chain.analyzer.metrics).await;
            (scrape.sum("satscope_grpc_responses_total", &labels) >= 1.0).then_some(())
        })
        .await;
        let scrape = Scrape::of(chain.analyzer.metrics).await;
        for begun in [
            "satscope_grpc_requests_total",
            "satscope_grpc_response_seconds_count",
        ] {
            assert!(scrape.sum(begun, &method) >= 1.0, "{begun}: {}", scrape.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_explains_each_of_its_metrics() {
    let chain = Chain::on_simulation(&[]).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    socket
        .read_until("a price", |message| message["type"] == "mempool_update")
        .await;
    for (served, metric) in [
        (&chain.ingest, "satscope_ingest_transactions_total"),
        (&chain.analyzer, "satscope_price_usd"),
        (&chain.gateway, "satscope_gateway_watchers"),
    ] {
        let scrape = Scrape::of(served.metrics).await;
        let [samples, helps, types] = scrape.families();
        assert!(samples.contains(metric), "no {metric} in:\n{}", scrape.0);
        for family in samples {
            let is_named = ["satscope_", "process_"]
                .iter()
                .any(|name| family.starts_with(name));
            assert!(is_named, "{family}");
            assert!(helps.contains(family), "{family} has no HELP");
            assert!(types.contains(family), "{family} has no TYPE");
        }
    }
}
