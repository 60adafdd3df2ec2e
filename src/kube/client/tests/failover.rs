//! Servers that die, and watches that go on.

use super::world::{CONFIG_MAPS, LONG, World, config_map, namespaces};
use crate::kube::client::{Client, Failure, Told, follow};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use keelson_apiserver::storage::Kv;
use serde_json::Value;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout;

/// Asks until it is there: a server that dies may have done it.
pub async fn create(client: &Client, number: usize) {
    let all = CONFIG_MAPS.path("default", "", "");
    let text = Bytes::from(config_map(&format!("n{number:05}")).to_string());
    loop {
        match client.create(&all, text.clone()).await {
            Ok(_) => return,
            Err(failure) if failure.is_existing() => return,
            Err(Failure::Unknown(_)) => {}
            Err(failure) => panic!("{failure}"),
        }
    }
}

pub fn followed(client: &Arc<Client>) -> impl Stream<Item = Told<Value>> + use<> {
    follow(client.clone(), CONFIG_MAPS.path("", "", ""), Vec::new())
}

pub async fn next(stream: &mut Pin<&mut impl Stream<Item = Told<Value>>>) -> Told<Value> {
    timeout(LONG, stream.next()).await.unwrap().unwrap()
}

pub fn name(told: &Told<Value>) -> String {
    let Told::Here(object) = told else {
        panic!("{told:?}");
    };
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn when_a_server_dies_the_other_answers_within_a_second() {
    let mut world = World::new(2);
    let client = world.client(1);
    namespaces(&client).await;
    for round in 0..4 {
        create(&client, round).await;
        world.servers[round % 2].kill();
        let began = Instant::now();
        client.get("/version").await.unwrap();
        assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
        world.start_again(round % 2);
    }
}

#[tokio::test]
async fn a_watch_goes_on_over_deaths_of_servers_without_gap_and_without_repetition() {
    let mut world = World::new(2);
    let client = world.client(1);
    namespaces(&client).await;
    for number in 0..3 {
        create(&client, number).await;
    }
    let mut stream = pin!(followed(&client));
    assert_eq!(next(&mut stream).await, Told::Began);
    for number in 0..3 {
        assert_eq!(name(&next(&mut stream).await), format!("n{number:05}"));
    }
    assert!(matches!(next(&mut stream).await, Told::Complete(_)));
    for round in 0..6 {
        let numbers = 3 + round * 20..3 + (round + 1) * 20;
        for number in numbers.clone() {
            create(&client, number).await;
            if number % 20 == 13 {
                // Some of this round has been sent and not been read.
                world.servers[round % 2].kill();
            }
        }
        for number in numbers {
            assert_eq!(name(&next(&mut stream).await), format!("n{number:05}"));
        }
        world.start_again(round % 2);
    }
}

#[tokio::test]
async fn what_the_servers_have_forgotten_is_listed_anew_page_by_page() {
    let mut world = World::new(1);
    let client = world.client(1);
    namespaces(&client).await;
    create(&client, 0).await;
    let mut stream = pin!(followed(&client));
    assert_eq!(next(&mut stream).await, Told::Began);
    assert_eq!(name(&next(&mut stream).await), "n00000");
    assert!(matches!(next(&mut stream).await, Told::Complete(_)));
    world.servers[0].kill();
    world.start_again(0);
    let other = world.client(1);
    let rest = (1..1200).map(|number| create(&other, number));
    let rest = futures::stream::iter(rest).buffer_unordered(100);
    timeout(LONG, rest.collect::<Vec<()>>()).await.unwrap();
    world.servers[0].kill();
    world.kv.compact(world.kv.revision()).await.unwrap();
    world.start_again(0);
    // The watch has told what it had got by then.
    let mut told = next(&mut stream).await;
    while told != Told::Began {
        told = next(&mut stream).await;
    }
    for number in 0..1200 {
        assert_eq!(name(&next(&mut stream).await), format!("n{number:05}"));
    }
    let Told::Complete(version) = next(&mut stream).await else {
        panic!("the list has no end");
    };
    assert_eq!(version, world.kv.revision().to_string());
    create(&world.client(1), 1200).await;
    assert_eq!(name(&next(&mut stream).await), "n01200");
}
