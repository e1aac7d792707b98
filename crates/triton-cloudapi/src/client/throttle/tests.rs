use std::sync::Mutex as StdMutex;

use super::*;

const LIMIT: RateLimit = RateLimit { per_second: 10.0, burst: 3 };

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// How many tokens can be taken at once.
fn drain(bucket: &mut Bucket, now: Instant) -> u32 {
    (0..1000).take_while(|_| bucket.take(now).is_ok()).count() as u32
}

#[tokio::test(start_paused = true)]
async fn a_bucket_gives_its_burst_and_then_its_rate() {
    let start = Instant::now();
    let mut bucket = Bucket::new(LIMIT, start);
    assert_eq!(drain(&mut bucket, start), 3);
    let wait = bucket.take(start).unwrap_err();
    assert!(wait > seconds(0.1) && wait < seconds(0.11), "{wait:?}");
    assert!(bucket.take(start + wait).is_ok());
    assert_eq!(drain(&mut bucket, start + seconds(100.0)), 3);
}

#[tokio::test(start_paused = true)]
async fn a_429_empties_the_bucket_and_halves_the_rate() {
    let start = Instant::now();
    let mut bucket = Bucket::new(LIMIT, start);
    bucket.slow_down(start);
    assert_eq!(bucket.rate, 5.0);
    assert_eq!(drain(&mut bucket, start + seconds(0.2)), 1);
    // The answers to the rest of a burst say nothing new.
    for _ in 0..29 {
        bucket.slow_down(start + seconds(0.2));
    }
    assert_eq!(bucket.rate, 5.0);
    bucket.slow_down(start + seconds(1.0));
    assert_eq!(bucket.rate, 2.5);
    for round in 2..100 {
        bucket.slow_down(start + seconds(f64::from(round)));
    }
    assert_eq!(bucket.rate, RATE_MIN);
}

#[tokio::test(start_paused = true)]
async fn the_rate_comes_back_step_by_step_after_a_429() {
    let start = Instant::now();
    let mut bucket = Bucket::new(LIMIT, start);
    bucket.slow_down(start);
    let mut rate_at = |after: f64| {
        bucket.take(start + seconds(after)).ok();
        bucket.rate
    };
    let slow = SLOW_FOR.as_secs_f64();
    assert_eq!(rate_at(slow - 0.1), 5.0);
    let rates: Vec<f64> = (0..30).map(|second| rate_at(slow + f64::from(second))).collect();
    assert!(rates.windows(2).all(|pair| pair[0] < pair[1] || pair[0] == 10.0), "{rates:?}");
    assert!((rates[15] - 7.5).abs() < 0.01, "{rates:?}");
    assert_eq!(rate_at(slow + 31.0), 10.0);
}

#[tokio::test(start_paused = true)]
async fn a_rate_of_nothing_is_not_for_ever() {
    let start = Instant::now();
    let mut bucket = Bucket::new(RateLimit { per_second: 0.0, burst: 0 }, start);
    assert_eq!(drain(&mut bucket, start), 1);
    assert!(bucket.take(start).unwrap_err() < seconds(10.0));
}

/// Lets the calls, given as `d`, `c` and `l`, queue up in this order, and returns the order they are served in.
async fn order(calls: &str) -> String {
    let throttle = Throttle::new(RateLimit { per_second: 10.0, burst: 1 });
    throttle.acquire(Group::Machines, Priority::List).await.unwrap();
    let served = Arc::new(StdMutex::new(String::new()));
    let mut tasks = Vec::new();
    for call in calls.chars() {
        let (throttle, served) = (Arc::clone(&throttle), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let priority = match call {
                'd' => Priority::Delete,
                'c' => Priority::Create,
                _ => Priority::List,
            };
            throttle.acquire(Group::Machines, priority).await.unwrap();
            served.lock().unwrap().push(call);
        }));
        // So that they arrive in the order written.
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let served = served.lock().unwrap();
    served.clone()
}

#[tokio::test(start_paused = true)]
async fn deletes_go_before_creates_and_these_before_lists() {
    assert_eq!(order("lcd").await, "dcl");
    assert_eq!(order("ccccdd").await, "ddcccc");
}

#[tokio::test(start_paused = true)]
async fn one_in_five_goes_to_who_has_waited_longest() {
    // The first of the five was the one before these.
    assert_eq!(order("ldddddddd").await, "dddlddddd");
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_whoever_asks() {
    let start = Instant::now();
    let throttle = Throttle::new(LIMIT);
    for _ in 0..23 {
        throttle.acquire(Group::Machines, Priority::Create).await.unwrap();
    }
    let passed = start.elapsed();
    assert!(passed >= seconds(2.0) && passed < seconds(2.2), "{passed:?}");
    // Another group has its own bucket, and the ping has none.
    throttle.acquire(Group::Images, Priority::List).await.unwrap();
    throttle.acquire(Group::Unlimited, Priority::List).await.unwrap();
    assert_eq!(start.elapsed(), passed);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_does_not_hold_up_the_others() {
    let throttle = Throttle::new(RateLimit { per_second: 1.0, burst: 1 });
    throttle.acquire(Group::Machines, Priority::List).await.unwrap();
    let gave_up =
        tokio::time::timeout(seconds(0.1), throttle.acquire(Group::Machines, Priority::Delete))
            .await;
    assert!(gave_up.is_err());
    throttle.acquire(Group::Machines, Priority::List).await.unwrap();
    assert!(throttle.lanes[0].lock().waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_queue_has_an_end() {
    let mut state = Lane::new(LIMIT, Instant::now()).state.into_inner().unwrap();
    for _ in 0..WAITING_MAX {
        state.arrive(Priority::List).unwrap();
    }
    assert!(matches!(state.arrive(Priority::Delete), Err(Error::Busy { waiting: WAITING_MAX })));
}
