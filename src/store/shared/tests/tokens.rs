//! What is used once, with and without the store.

use super::*;

const LIFE: Duration = Duration::from_secs(300);

async fn burn(gate: &Arc<Shared>, token: u8) -> Result<Burn, StoreError> {
    gate.burn([token; 16], LIFE, NOON).await
}

#[test]
fn of_many_requests_at_many_gates_one_is_the_first() {
    on_threads(async {
        let server = Server::new(limits());
        let gates = [gate(&server), gate(&server), gate(&server)];
        for token in 0..20 {
            let spending = (0..30).map(|place: usize| {
                let gate = gates[place % 3].clone();
                tokio::spawn(async move { burn(&gate, token).await.unwrap() })
            });
            let mut first = 0;
            for spent in spending.collect::<Vec<_>>() {
                first += usize::from(spent.await.unwrap() == Burn::First);
            }
            assert_eq!(first, 1);
        }
    });
}

#[tokio::test]
async fn who_was_answered_too_late_asks_again_and_is_still_the_first() {
    let server = Server::new(limits());
    let (one, other) = (gate_with(&server, quick(Tokens::Strict)), gate(&server));
    server.set(Mode::LateButDone);
    assert_eq!(burn(&one, 1).await, Err(LATE), "not to know is not to be the first");
    server.set(Mode::Well);
    assert_eq!(burn(&one, 1).await, Ok(Burn::First), "the visitor tries again");
    assert_eq!(burn(&one, 1).await, Ok(Burn::AlreadyUsed));
    assert_eq!(burn(&other, 1).await, Ok(Burn::AlreadyUsed));
}

#[tokio::test]
async fn without_the_store_a_token_is_spent_once_here_and_everywhere_when_it_is_back() {
    let server = Server::new(limits());
    let (one, other) = (gate(&server), gate(&server));
    for gate in [&one, &other] {
        open(gate, &server).await;
    }
    assert_eq!(burn(&one, 1).await, Ok(Burn::First));
    assert_eq!(burn(&one, 1).await, Ok(Burn::AlreadyUsed));
    // Known and documented: once per gate.
    assert_eq!(burn(&other, 1).await, Ok(Burn::First));
    assert_eq!(burn(&one, 2).await, Ok(Burn::First));
    server.set(Mode::Well);
    closed(&one).await;
    closed(&other).await;
    assert_eq!(burn(&other, 2).await, Ok(Burn::AlreadyUsed), "what was spent at one gate is spent at all");
    let twice = shared_stats(&one).spent_twice + shared_stats(&other).spent_twice;
    assert_eq!(twice, 1, "it is told how often that was used");
}

#[tokio::test]
async fn whoever_is_strict_spends_nothing_without_the_store() {
    let server = Server::new(limits());
    let gate = gate_with(&server, quick(Tokens::Strict));
    open(&gate, &server).await;
    assert!(burn(&gate, 1).await.is_err());
    server.set(Mode::Well);
    closed(&gate).await;
    assert_eq!(burn(&gate, 1).await, Ok(Burn::First), "it was not spent by the refusal");
}

#[tokio::test]
async fn a_held_answer_stays_here_while_the_store_is_away_and_moves_over_when_it_is_back() {
    let server = Server::new(limits());
    let (one, other) = (gate(&server), gate(&server));
    let sealed = Bytes::from_static(b"sealed");
    open(&one, &server).await;
    for id in 1..=3 {
        one.hold([id; 16], sealed.clone(), LIFE, NOON).await.unwrap();
    }
    assert_eq!(one.hold([1; 16], sealed.clone(), LIFE, NOON).await, Err(StoreError::Exists));
    assert_eq!(one.take([1; 16], NOON).await, Ok(Some(sealed.clone())));
    assert!(!matches!(one.take([1; 16], NOON).await, Ok(Some(_))));
    server.set(Mode::Well);
    closed(&one).await;
    assert_eq!(one.stats().held_bytes, 0, "it is held where all find it");
    assert_eq!(other.take([2; 16], NOON).await, Ok(Some(sealed.clone())));
    assert_eq!(one.take([2; 16], NOON).await, Ok(None));
    assert_eq!(one.take([3; 16], NOON).await, Ok(Some(sealed.clone())));
    assert_eq!(other.take([1; 16], NOON).await, Ok(None), "what was handed out does not come back");
}

#[tokio::test]
async fn an_answer_that_was_held_too_late_is_released_once() {
    let server = Server::new(limits());
    let gate = gate(&server);
    let sealed = Bytes::from_static(b"sealed");
    server.set(Mode::LateButDone);
    gate.hold([1; 16], sealed.clone(), LIFE, NOON).await.unwrap();
    server.set(Mode::Well);
    closed(&gate).await;
    assert_eq!(gate.take([1; 16], NOON).await, Ok(Some(sealed)));
    assert_eq!(gate.take([1; 16], NOON).await, Ok(None));
}
