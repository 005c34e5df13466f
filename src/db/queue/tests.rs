use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, advance, sleep};

use super::*;

#[derive(Clone, Copy, Default)]
struct Request {
    id: usize,
    key: Option<&'static str>,
    tenant: &'static str,
    takes: Duration,
    does: Does,
    kind: u8,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Does {
    #[default]
    Succeed,
    Fail,
    LoseConnection,
    Panic,
    RequireAlone,
}

/// An executor whose batch takes as long as its slowest request. Records the batches.
#[derive(Default)]
struct Fake(Mutex<Vec<Vec<usize>>>);

impl Executor for Fake {
    type Item = Request;
    type Output = usize;
    type Key = &'static str;
    const CAP: usize = 64;

    fn key(request: &Request) -> Option<&'static str> {
        request.key
    }

    fn compatible(one: &Request, other: &Request) -> bool {
        one.kind == other.kind
    }

    fn tenant(request: &Request) -> &str {
        request.tenant
    }

    async fn run(&self, requests: &[&Request], _: Duration) -> Result<Vec<Option<usize>>, Failure> {
        self.0.lock().unwrap().push(requests.iter().map(|r| r.id).collect());
        sleep(requests.iter().map(|r| r.takes).max().unwrap()).await;
        let any = |does| requests.iter().any(|r| r.does == does);
        assert!(!any(Does::Panic), "a panic of the test's own");
        if any(Does::LoseConnection) {
            return Err(Failure::Common(codes::UNAVAILABLE.into()));
        }
        if any(Does::Fail) {
            return Err(Failure::Request(codes::USER_EXISTS.into()));
        }
        let answer = |r: &&Request| (r.does != Does::RequireAlone || requests.len() == 1).then_some(r.id);
        Ok(requests.iter().map(answer).collect())
    }
}

/// Longer than any request of these tests takes.
const DEADLINE: Duration = Duration::from_secs(86_400);

fn queue(workers: usize) -> Queue<Fake> {
    Queue::new(Fake::default(), Options { workers, pinned: false, deadline: DEADLINE })
}

const MS: Duration = Duration::from_millis(1);

impl Queue<Fake> {
    /// Sends a request and polls all tasks that are ready.
    async fn send(&self, request: Request) -> JoinHandle<Result<usize, Error>> {
        let this = self.clone();
        let sent = tokio::spawn(async move { this.run(request).await });
        yield_now().await;
        yield_now().await;
        sent
    }

    async fn send_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
    ) -> Vec<JoinHandle<Result<usize, Error>>> {
        let mut sent = Vec::new();
        for request in requests {
            sent.push(self.send(request).await);
        }
        sent
    }

    fn batches(&self) -> Vec<Vec<usize>> {
        self.0.executor.0.lock().unwrap().clone()
    }
}

fn slow(id: usize, takes: Duration) -> Request {
    Request { id, takes, ..Request::default() }
}

fn quick(id: usize) -> Request {
    slow(id, Duration::ZERO)
}

fn of_key(key: &'static str) -> impl Fn(usize) -> Request {
    move |id| Request { key: Some(key), ..of_tenant(key, id, MS) }
}

async fn answers(sent: Vec<JoinHandle<Result<usize, Error>>>) -> Vec<Result<usize, u16>> {
    let mut answers = Vec::new();
    for one in sent {
        answers.push(one.await.unwrap().map_err(|error| error.kind.status));
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn lone_request_runs_immediately() {
    let (queue, began) = (queue(1), Instant::now());
    assert_eq!(queue.run(quick(1)).await.unwrap(), 1);
    assert!(began.elapsed() <= MS, "no request waits for others");
}

#[tokio::test(start_paused = true)]
async fn queued_requests_run_as_one_batch_up_to_the_cap() {
    let queue = queue(1);
    let sent = queue.send_all((0..Fake::CAP + 3).map(|id| slow(id, MS))).await;
    assert_eq!(answers(sent).await, (0..Fake::CAP + 3).map(Ok).collect::<Vec<_>>());
    assert_eq!(queue.batches(), [vec![0], (1..=Fake::CAP).collect(), vec![Fake::CAP + 1, Fake::CAP + 2]]);
}

#[tokio::test(start_paused = true)]
async fn slow_batch_is_replaced_by_an_extra_worker() {
    let (queue, began) = (queue(1), Instant::now());
    let mut stuck = Vec::new();
    for id in 0..EXTRA_WORKERS {
        let tenant = format!("tenant {id}").leak();
        stuck.push(queue.send(of_tenant(tenant, id, LONG)).await);
        sleep(SLOW + MS).await;
    }
    let stuck_at = began.elapsed();
    assert_eq!(queue.run(quick(99)).await.unwrap(), 99);
    assert!(began.elapsed() <= stuck_at + MS, "other requests run immediately");
    assert!(stuck.iter().all(|one| !one.is_finished()));
    answers(stuck).await;
    assert_eq!(queue.0.lock().workers, 0, "extra workers end");
}

#[tokio::test(start_paused = true)]
async fn failed_batch_rejects_only_the_failing_request() {
    let queue = queue(1);
    let failing = Request { does: Does::Fail, ..quick(2) };
    let sent = queue.send_all([slow(0, MS), quick(1), failing, quick(3)]).await;
    assert_eq!(answers(sent).await, [Ok(0), Ok(1), Err(409), Ok(3)]);
    assert_eq!(queue.batches(), [vec![0], vec![1, 2, 3], vec![1], vec![2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn failed_batch_runs_again_between_other_batches() {
    let queue = queue(1);
    let failing = Request { does: Does::Fail, ..slow(2, MS) };
    let mut sent = queue.send_all([slow(0, MS), slow(1, MS), failing]).await;
    advance(MS).await;
    yield_now().await;
    yield_now().await;
    sent.extend(queue.send_all([slow(3, MS), slow(4, MS)]).await);
    assert_eq!(answers(sent).await, [Ok(0), Ok(1), Err(409), Ok(3), Ok(4)]);
    assert_eq!(queue.batches(), [vec![0], vec![1, 2], vec![3, 4], vec![1], vec![2]]);
}

#[tokio::test(start_paused = true)]
async fn common_failure_is_answered_to_all_and_not_repeated() {
    let queue = queue(1);
    let losing = Request { does: Does::LoseConnection, ..quick(1) };
    let sent = queue.send_all([slow(0, MS), losing, quick(2)]).await;
    assert_eq!(answers(sent).await, [Ok(0), Err(503), Err(503)]);
    assert_eq!(queue.batches(), [vec![0], vec![1, 2]]);
}

#[tokio::test(start_paused = true)]
async fn request_that_requires_it_runs_alone() {
    let queue = queue(1);
    let shy = Request { does: Does::RequireAlone, ..quick(2) };
    let sent = queue.send_all([slow(0, MS), quick(1), shy, quick(3)]).await;
    assert_eq!(answers(sent).await, [Ok(0), Ok(1), Ok(2), Ok(3)]);
    assert_eq!(queue.batches(), [vec![0], vec![1, 2, 3], vec![2]]);
}

#[tokio::test(start_paused = true)]
async fn changes_of_one_row_keep_their_order() {
    let queue = queue(2);
    let sent = queue.send_all((0..5).map(of_key("jane")).chain((5..7).map(of_key("john")))).await;
    assert_eq!(answers(sent).await, (0..7).map(Ok).collect::<Vec<_>>());
    let order: Vec<usize> = queue.batches().concat();
    let of_jane: Vec<usize> = order.iter().copied().filter(|id| *id < 5).collect();
    assert_eq!(of_jane, [0, 1, 2, 3, 4]);
    let together = |a, b| queue.batches().iter().any(|batch| batch.contains(&a) && batch.contains(&b));
    assert!(!(0..4).any(|id| together(id, id + 1)));
    assert!(queue.0.lock().keys.is_empty(), "nothing of a key is kept");
}

#[tokio::test(start_paused = true)]
async fn changes_of_one_row_keep_their_order_after_a_failure() {
    let queue = queue(2);
    let failing = Request { does: Does::Fail, ..slow(2, MS) };
    let (jane, busy) = (of_key("jane"), [slow(0, MS), slow(10, MS)]);
    let sent = queue.send_all(busy.into_iter().chain([jane(1), failing, jane(3)])).await;
    assert_eq!(answers(sent).await, [Ok(0), Ok(10), Ok(1), Err(409), Ok(3)]);
    assert_eq!(queue.batches().last(), Some(&vec![3]));
}

#[tokio::test(start_paused = true)]
async fn caller_that_goes_away_cancels_only_its_queued_request() {
    let queue = queue(1);
    let under_way = queue.send(of_key("jane")(0)).await;
    let mut sent = queue.send_all([of_key("jane")(1), of_key("jane")(2), quick(3)]).await;
    let waiting = sent.remove(0);
    under_way.abort();
    waiting.abort();
    assert_eq!(answers(sent).await, [Ok(2), Ok(3)]);
    let carried = queue.batches().concat();
    assert!(carried.contains(&0), "it was under way: it was made");
    assert!(!carried.contains(&1), "it waited: it was not made");
    assert!(queue.0.lock().keys.is_empty());
}

#[tokio::test(start_paused = true)]
async fn panic_does_not_end_the_queue() {
    let queue = queue(1);
    let panicking = Request { does: Does::Panic, ..of_key("jane")(1) };
    assert_eq!(answers(vec![queue.send(panicking).await]).await, [Err(500)]);
    assert_eq!(queue.run(of_key("jane")(2)).await.unwrap(), 2);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn for_long(id: usize) -> Request {
    Request { takes: 3600 * 1000 * MS, ..of_key("jane")(id) }
}

#[test]
fn ended_runtime_rejects_its_batch_and_no_other() {
    for stays in [false, true] {
        let (own, ending) = (runtime(), runtime());
        let queue = own.block_on(async {
            Queue::new(Fake::default(), Options { workers: 1, pinned: stays, deadline: DEADLINE })
        });
        let carried = ending.block_on(queue.send(for_long(0)));
        let behind = own.block_on(queue.send_all([of_key("jane")(1), quick(2)]));
        drop(ending);
        assert_eq!(own.block_on(answers(behind)), [Ok(1), Ok(2)], "{stays}");
        assert!(own.block_on(carried).unwrap_err().is_cancelled());
        assert!(queue.0.lock().keys.is_empty());
        own.block_on(queue.drain());
    }
}

#[test]
fn ended_queue_runtime_rejects_queued_requests() {
    let (own, other) = (runtime(), runtime());
    let queue = own.block_on(async { queue(1) });
    own.block_on(queue.send(for_long(0)));
    let behind = other.block_on(queue.send_all([for_long(1), quick(2)]));
    drop(own);
    assert_eq!(other.block_on(answers(behind)), [Err(503), Err(503)]);
    // A lone request needs no other runtime.
    assert_eq!(other.block_on(queue.run(quick(3))).unwrap(), 3);
    other.block_on(queue.drain());
}

#[test]
fn only_a_lone_request_runs_on_its_own_runtime() {
    let (own, ending) = (runtime(), runtime());
    let queue = own.block_on(async { queue(1) });
    let alone = ending.block_on(queue.send(slow(0, MS)));
    let others = own.block_on(queue.send_all([slow(1, MS), slow(2, MS)]));
    ending.block_on(async { alone.await.unwrap().unwrap() });
    // The queued requests run on the runtime of the queue.
    drop(ending);
    assert_eq!(own.block_on(answers(others)), [Ok(1), Ok(2)]);
    assert_eq!(queue.batches(), [vec![0], vec![1, 2]]);
}

#[tokio::test(start_paused = true)]
async fn only_compatible_requests_share_a_batch() {
    let queue = queue(1);
    let under_way = queue.send(slow(0, MS)).await;
    let of_kind = |id: usize| Request { kind: u8::try_from(id % 3).unwrap(), ..quick(id) };
    let mut sent = queue.send_all((1..=7).map(of_kind)).await;
    sent.push(under_way);
    assert!(answers(sent).await.iter().all(Result::is_ok));
    assert_eq!(queue.batches(), [vec![0], vec![1, 4, 7], vec![2, 5], vec![3, 6]]);
}

#[tokio::test(start_paused = true)]
async fn full_queue_rejects_with_503() {
    let queue = queue(1);
    let under_way = queue.send(slow(0, MS)).await;
    let half = QUEUE_LENGTH / 2;
    let mut sent = queue.send_all((0..half).map(quick).chain((half..QUEUE_LENGTH).map(of_key("jane")))).await;
    let rejected = queue.run(quick(1)).await.unwrap_err();
    assert_eq!(rejected.kind, codes::OVERLOADED);
    sent.push(under_way);
    assert!(answers(sent).await.iter().all(Result::is_ok));
    assert_eq!(queue.run(quick(7)).await.unwrap(), 7);
    assert_eq!(queue.0.lock().queued, 0);
}

#[tokio::test(start_paused = true)]
async fn drain_answers_accepted_requests_and_rejects_others() {
    let queue = queue(1);
    let sent = queue.send_all((0..5).map(of_key("jane"))).await;
    let drained = tokio::spawn({
        let queue = queue.clone();
        async move { queue.drain().await }
    });
    yield_now().await;
    assert_eq!(queue.run(quick(9)).await.unwrap_err().kind.status, 503);
    assert!(!drained.is_finished());
    drained.await.unwrap();
    assert!(sent.iter().all(JoinHandle::is_finished));
    assert_eq!(answers(sent).await, (0..5).map(Ok).collect::<Vec<_>>());
}

fn of_tenant(tenant: &'static str, id: usize, takes: Duration) -> Request {
    Request { tenant, ..slow(id, takes) }
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn slow_tenant_has_a_bounded_share_of_the_workers() {
    let queue = queue(2);
    let mut of_culprit = Vec::new();
    for id in 0..50 {
        of_culprit.push(queue.send(of_tenant("culprit", id, LONG)).await);
        sleep(SLOW + MS).await;
    }
    let started = queue.batches().concat().len();
    // Two workers took one request each before the first batch was known to be slow.
    assert!(started <= 2 + SLOW_BATCHES, "{started} requests of one tenant run");
    let began = Instant::now();
    for id in 100..120 {
        assert_eq!(queue.run(of_tenant("other", id, MS)).await.unwrap(), id);
    }
    assert!(began.elapsed() <= 40 * MS, "{:?}", began.elapsed());
    assert!(
        answers(of_culprit).await.iter().all(Result::is_ok),
        "its own requests are answered one after the other"
    );
    assert_eq!(queue.0.lock().workers, 0);
}

#[tokio::test(start_paused = true)]
async fn tenants_of_a_slow_batch_share_no_batch_until_they_are_quick() {
    let queue = queue(1);
    let first = queue.send(of_tenant("first", 0, MS)).await;
    let mut sent = queue.send_all([of_tenant("victim", 1, MS), of_tenant("culprit", 2, 2 * SLOW)]).await;
    sleep(SLOW + 2 * MS).await;
    // The victim's next request runs alone, is quick, and ends the isolation.
    sent.extend(
        queue
            .send_all([of_tenant("victim", 3, MS), of_tenant("other", 4, MS), of_tenant("culprit", 5, MS)])
            .await,
    );
    sent.push(first);
    assert!(answers(sent).await.iter().all(Result::is_ok));
    assert_eq!(queue.batches(), [vec![0], vec![1, 2], vec![3], vec![4], vec![5]]);
    let blocker = queue.send(of_tenant("other", 6, MS)).await;
    let mut sent = queue.send_all([of_tenant("victim", 7, MS), of_tenant("other", 8, MS)]).await;
    sent.push(blocker);
    assert!(answers(sent).await.iter().all(Result::is_ok));
    assert_eq!(queue.batches().last(), Some(&vec![7, 8]));
}

#[tokio::test(start_paused = true)]
async fn tenant_has_at_most_half_of_the_queue() {
    let queue = queue(1);
    let mut sent = vec![queue.send(slow(0, MS)).await];
    let half = QUEUE_LENGTH / 2;
    sent.extend(queue.send_all((0..half).map(|id| of_tenant("flood", id, Duration::ZERO))).await);
    assert_eq!(queue.run(of_tenant("flood", 1, MS)).await.unwrap_err().kind, codes::OVERLOADED);
    sent.push(queue.send(of_tenant("other", 1, MS)).await);
    assert!(answers(sent).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn queued_request_gets_the_rest_of_its_deadline() {
    let deadlines = Arc::new(Mutex::new(Vec::new()));
    struct Deadlines(Arc<Mutex<Vec<Duration>>>);
    impl Executor for Deadlines {
        type Item = ();
        type Output = ();
        type Key = ();
        const CAP: usize = 1;
        fn key((): &()) -> Option<()> {
            None
        }
        fn tenant((): &()) -> &'static str {
            ""
        }
        fn compatible((): &(), (): &()) -> bool {
            true
        }
        async fn run(&self, _: &[&()], deadline: Duration) -> Result<Vec<Option<()>>, Failure> {
            self.0.lock().unwrap().push(deadline);
            sleep(40 * MS).await;
            Ok(vec![Some(())])
        }
    }
    let options = Options { workers: 1, pinned: false, deadline: Duration::from_secs(12) };
    let queue = Queue::new(Deadlines(Arc::clone(&deadlines)), options);
    tokio::join!(queue.run(()), queue.run(()), queue.run(())).0.unwrap();
    let deadlines = deadlines.lock().unwrap().clone();
    assert_eq!(deadlines, [12_000 * MS, 11_960 * MS, 11_920 * MS]);
}

#[tokio::test(start_paused = true)]
async fn queue_is_stuck_when_no_batch_ends_although_requests_wait() {
    let limit = Duration::from_secs(60);
    let queue = queue(1);
    sleep(2 * limit).await;
    assert!(!queue.is_stuck(limit), "an idle queue");
    // Batches that fail for minutes, as with a database that is down.
    for id in 0..10 {
        let request = Request { id, takes: limit / 2, does: Does::LoseConnection, ..Request::default() };
        assert!(queue.run(request).await.is_err());
        assert!(!queue.is_stuck(limit), "a batch that fails ends");
    }
    let never = queue.send(slow(10, 1000 * limit)).await;
    sleep(limit / 2).await;
    assert!(!queue.is_stuck(limit));
    sleep(limit).await;
    assert!(queue.is_stuck(limit));
    never.abort();
}
