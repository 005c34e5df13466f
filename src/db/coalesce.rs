//! Concurrent requests of one kind travel in one statement.
//!
//! Natural batching: whoever finds a free lane goes at once and alone; who comes while all lanes are busy waits for the
//! next one to be free, which takes all that wait and are alike, up to a cap. The contract, which the tests below hold:
//!
//! - Nobody waits for company. A request is queued after it arrived, so a read sees every write acknowledged before.
//! - Two changes of one row (one [`Executor::key`]) are made one after the other, in the order of their arrival: the
//!   second waits until the first is answered, in whichever lane that is.
//! - A batch that fails is run again member by member, so that only the culprit is refused; the others go on between.
//! - A batch that takes long ([`STALL`]) stops counting: another lane opens in its place, up to [`SPARE`] of them.
//! - A request that is alone is carried on its own runtime, so that it wakes no other thread; all others on the one the queue
//!   was made on, which has to outlive them, unless the queue is told to stay. If a runtime ends before a lane on it does,
//!   those that the lane carries are refused, and the others are carried elsewhere.
//! - A caller that goes away cancels nobody. Its own request is made if it was under way, else it is not.
//! - What waits is bounded ([`WAITING`]): who comes beyond that is refused with 503 at once.
//! - [`Coalescer::drain`] refuses what comes and returns after all that was accepted is answered.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::base::error::{Error, codes};

/// Carries out what travels together.
pub(crate) trait Executor: Send + Sync + 'static {
    /// One request.
    type Item: Send + Sync + 'static;
    /// What it gets.
    type Output: Send + 'static;
    /// What requests that must not overtake each other have in common.
    type Key: Clone + Hash + Eq + Send + 'static;
    /// How many travel together at most.
    const CAP: usize;

    /// The key of a request; `None` if the order does not matter.
    fn key(item: &Self::Item) -> Option<Self::Key>;
    /// Can the two travel together?
    fn alike(one: &Self::Item, other: &Self::Item) -> bool;
    /// Carries out all of them: as many answers, in the same order. `None` for one that can only go alone; nothing was
    /// done for it.
    fn run(
        &self,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Option<Self::Output>>, Failure>> + Send;
}

/// Why a batch came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For a reason that is one member's own; nothing was done for any.
    Member(Error),
    /// For a reason that all have in common, such as a lost connection.
    Common(Error),
}

/// How many may wait for a lane.
const WAITING: usize = 4096;
/// How long a batch may take before another lane opens in its place.
const STALL: Duration = Duration::from_millis(50);
/// How many lanes may open beyond the usual number.
const SPARE: usize = 6;

/// The queue of one kind of request, and its lanes. Cheap to clone.
pub(crate) struct Coalescer<E: Executor>(Arc<Inner<E>>);

impl<E: Executor> Clone for Coalescer<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<E: Executor> {
    executor: E,
    lanes: usize,
    stays: bool,
    runtime: Handle,
    state: Mutex<State<E>>,
    ended: Notify,
}

struct State<E: Executor> {
    /// At most one of each key.
    ready: VecDeque<Member<E>>,
    /// The keys that are ready or under way, each with those that wait for it.
    keys: HashMap<E::Key, VecDeque<Member<E>>>,
    /// How many are in either of them.
    waiting: usize,
    /// Lanes that are open, and those of them whose batch takes long.
    open: usize,
    stalled: usize,
    closed: bool,
}

struct Member<E: Executor> {
    item: E::Item,
    key: Option<E::Key>,
    reply: oneshot::Sender<Result<E::Output, Error>>,
    /// Its batch failed, or it asked for it.
    alone: bool,
}

impl<E: Executor> Coalescer<E> {
    /// A queue whose batches usually run in so many lanes at a time: on the current runtime, or, if it `stays`, on that of
    /// whoever opens the lane, which then must not end before those it carries for.
    pub(crate) fn new(executor: E, lanes: usize, stays: bool) -> Self {
        let state = State {
            ready: VecDeque::new(),
            keys: HashMap::new(),
            waiting: 0,
            open: 0,
            stalled: 0,
            closed: false,
        };
        let (runtime, ended) = (Handle::current(), Notify::new());
        Self(Arc::new(Inner { executor, lanes, stays, runtime, state: Mutex::new(state), ended }))
    }

    /// Runs one request together with whoever comes at the same time.
    pub(crate) async fn run(&self, item: E::Item) -> Result<E::Output, Error> {
        let (reply, answer) = oneshot::channel();
        let member = Member { key: E::key(&item), item, reply, alone: false };
        self.0.enqueue(member)?;
        answer.await.unwrap_or_else(|_| Err(codes::UNAVAILABLE.into()))
    }

    /// Refuses all that comes from now on; returns when all that came before is answered.
    pub(crate) async fn drain(&self) {
        loop {
            let ended = self.0.ended.notified();
            {
                let mut state = self.0.lock();
                state.closed = true;
                if state.open == 0 {
                    return;
                }
            }
            ended.await;
        }
    }

    pub(crate) fn executor(&self) -> &E {
        &self.0.executor
    }
}

impl<E: Executor> Inner<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(self: &Arc<Self>, member: Member<E>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.closed {
            return Err(codes::UNAVAILABLE.into());
        }
        if state.waiting >= WAITING {
            return Err(codes::OVERLOADED.into());
        }
        state.waiting += 1;
        if let Some(behind) = member.key.as_ref().and_then(|key| state.keys.get_mut(key)) {
            behind.push_back(member);
            return Ok(());
        }
        if let Some(key) = &member.key {
            state.keys.insert(key.clone(), VecDeque::new());
        }
        state.ready.push_back(member);
        self.open_lane(state);
        Ok(())
    }

    fn open_lane(self: &Arc<Self>, mut state: MutexGuard<'_, State<E>>) {
        if state.open - state.stalled < self.lanes
            && state.open < self.lanes + SPARE
            && !state.ready.is_empty()
        {
            let is_alone = state.open == 0 && state.ready.len() == 1;
            state.open += 1;
            let first = (is_alone && !self.stays).then(|| self.batch(&mut state));
            // A runtime that ends drops the lane at once, which locks the state.
            drop(state);
            if self.stays || first.is_some() {
                tokio::spawn(
                    Lane { of: Arc::clone(self), first, visits: true, open: true, stalled: false }.run(),
                );
            } else {
                self.open_here();
            }
        }
    }

    /// A lane that counts already, on the queue's own runtime.
    fn open_here(self: &Arc<Self>) {
        let lane = Lane { of: Arc::clone(self), first: None, visits: false, open: true, stalled: false };
        self.runtime.spawn(lane.run());
    }

    /// Takes those who travel together next: the first, and who is alike.
    fn batch(self: &Arc<Self>, state: &mut State<E>) -> Batch<E> {
        let mut members: Vec<Member<E>> = Vec::with_capacity(state.ready.len().min(E::CAP));
        let mut place = 0;
        while members.len() < E::CAP
            && let Some(next) = state.ready.get(place)
        {
            match members.first() {
                Some(first) if first.alone || next.alone => break,
                Some(first) if !E::alike(&first.item, &next.item) => {
                    place += 1;
                    continue;
                }
                _ => {}
            }
            let Some(member) = state.ready.remove(place) else { break };
            state.waiting -= 1;
            if member.reply.is_closed() {
                state.release(member.key.as_ref());
            } else {
                members.push(member);
            }
        }
        Batch { of: Arc::clone(self), members }
    }

    async fn carry(&self, mut batch: Batch<E>) {
        let items: Vec<&E::Item> = batch.members.iter().map(|member| &member.item).collect();
        // A panic must not take the lane along: its callers are told, the next are served.
        let result = AssertUnwindSafe(self.executor.run(&items)).catch_unwind().await;
        let (mut answers, refusal) = match result {
            Ok(Ok(answers)) => (answers, None),
            Ok(Err(failure)) => (Vec::new(), Some(failure)),
            Err(_) => (Vec::new(), Some(Failure::Common(codes::INTERNAL.into()))),
        };
        let members = std::mem::take(&mut batch.members);
        answers.resize_with(members.len(), || None);
        let is_alone = members.len() == 1;
        let mut replies = Vec::with_capacity(members.len());
        {
            let mut state = self.lock();
            for (mut member, answer) in members.into_iter().zip(answers) {
                let answer = match (answer, &refusal) {
                    (Some(answer), _) => Ok(answer),
                    (None, Some(Failure::Common(error))) => Err(error.clone()),
                    (None, Some(Failure::Member(error))) if is_alone => Err(error.clone()),
                    (None, None) if is_alone => Err(Error::internal("a batch of one had no answer")),
                    (None, _) => {
                        member.alone = true;
                        state.waiting += 1;
                        state.ready.push_back(member);
                        continue;
                    }
                };
                state.release(member.key.as_ref());
                replies.push((member.reply, answer));
            }
        }
        for (reply, answer) in replies {
            // Nobody listens any more where a caller went away.
            let _ = reply.send(answer);
        }
    }
}

/// What a lane carries. Dropped before it is done, it refuses its members and lets those behind them go.
struct Batch<E: Executor> {
    of: Arc<Inner<E>>,
    members: Vec<Member<E>>,
}

impl<E: Executor> Drop for Batch<E> {
    fn drop(&mut self) {
        if !self.members.is_empty() {
            let mut state = self.of.lock();
            self.members.iter().for_each(|member| state.release(member.key.as_ref()));
        }
    }
}

struct Lane<E: Executor> {
    of: Arc<Inner<E>>,
    first: Option<Batch<E>>,
    /// Is it on another runtime than the queue's own?
    visits: bool,
    open: bool,
    stalled: bool,
}

impl<E: Executor> Lane<E> {
    /// Takes batches until nothing waits any more.
    async fn run(mut self) {
        let of = Arc::clone(&self.of);
        while let Some(batch) = self.first.take().or_else(|| self.next_batch()) {
            let mut carried = pin!(of.carry(batch));
            if timeout(STALL, &mut carried).await.is_err() {
                of.lock().stalled += 1;
                self.stalled = true;
                of.open_lane(of.lock());
                carried.await;
                of.lock().stalled -= 1;
                self.stalled = false;
            }
        }
    }

    /// The next batch; without one, or when others take the lane's place, the lane is closed.
    fn next_batch(&mut self) -> Option<Batch<E>> {
        let mut state = self.of.lock();
        let goes_on = state.open - state.stalled <= self.of.lanes && !state.ready.is_empty();
        if goes_on && self.visits && !self.of.stays {
            self.open = false;
            drop(state);
            self.of.open_here();
            return None;
        }
        let batch = goes_on.then(|| self.of.batch(&mut state)).filter(|batch| !batch.members.is_empty());
        if batch.is_none() {
            state.open -= 1;
            self.open = false;
        }
        batch
    }
}

impl<E: Executor> Drop for Lane<E> {
    fn drop(&mut self) {
        if self.open {
            // It locks the state too.
            drop(self.first.take());
            let mut state = self.of.lock();
            state.open -= 1;
            state.stalled -= usize::from(self.stalled);
            if self.visits && !state.ready.is_empty() {
                state.open += 1;
                drop(state);
                self.of.open_here();
            } else if state.open == 0 {
                // Nobody is left to carry those who wait.
                state.ready.clear();
                state.keys.clear();
                state.waiting = 0;
            }
        }
        self.of.ended.notify_waiters();
    }
}

impl<E: Executor> State<E> {
    /// Lets the next one of a key go, if there is one.
    fn release(&mut self, key: Option<&E::Key>) {
        let Some(key) = key else { return };
        match self.keys.get_mut(key).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back(next),
            None => drop(self.keys.remove(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{JoinHandle, yield_now};
    use tokio::time::{Instant, advance, sleep};

    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Request {
        id: usize,
        key: Option<&'static str>,
        takes: Duration,
        does: Does,
        kind: u8,
    }

    #[derive(Clone, Copy, Default, PartialEq)]
    enum Does {
        #[default]
        Well,
        Fail,
        LoseTheConnection,
        Panic,
        WantToBeAlone,
    }

    /// A statement that takes as long as its slowest member, and writes down who travelled together.
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

        fn alike(one: &Request, other: &Request) -> bool {
            one.kind == other.kind
        }

        async fn run(&self, requests: &[&Request]) -> Result<Vec<Option<usize>>, Failure> {
            self.0.lock().unwrap().push(requests.iter().map(|r| r.id).collect());
            sleep(requests.iter().map(|r| r.takes).max().unwrap()).await;
            let any = |does| requests.iter().any(|r| r.does == does);
            assert!(!any(Does::Panic), "a panic of the test's own");
            if any(Does::LoseTheConnection) {
                return Err(Failure::Common(codes::UNAVAILABLE.into()));
            }
            if any(Does::Fail) {
                return Err(Failure::Member(codes::USER_EXISTS.into()));
            }
            let answer =
                |r: &&Request| (r.does != Does::WantToBeAlone || requests.len() == 1).then_some(r.id);
            Ok(requests.iter().map(answer).collect())
        }
    }

    fn queue(lanes: usize) -> Coalescer<Fake> {
        Coalescer::new(Fake::default(), lanes, false)
    }

    const MS: Duration = Duration::from_millis(1);

    impl Coalescer<Fake> {
        /// Hands a request in, and lets whatever can be done at this moment be done.
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

        fn travelled(&self) -> Vec<Vec<usize>> {
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
        move |id| Request { key: Some(key), ..slow(id, MS) }
    }

    async fn answers(sent: Vec<JoinHandle<Result<usize, Error>>>) -> Vec<Result<usize, u16>> {
        let mut answers = Vec::new();
        for one in sent {
            answers.push(one.await.unwrap().map_err(|error| error.meaning.status));
        }
        answers
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_alone_goes_at_once() {
        let (queue, began) = (queue(1), Instant::now());
        assert_eq!(queue.run(quick(1)).await.unwrap(), 1);
        assert!(began.elapsed() <= MS, "nobody waits for company");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_while_all_lanes_are_busy_travel_together_up_to_a_cap() {
        let queue = queue(1);
        let sent = queue.send_all((0..Fake::CAP + 3).map(|id| slow(id, MS))).await;
        assert_eq!(answers(sent).await, (0..Fake::CAP + 3).map(Ok).collect::<Vec<_>>());
        assert_eq!(
            queue.travelled(),
            [vec![0], (1..=Fake::CAP).collect(), vec![Fake::CAP + 1, Fake::CAP + 2]]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_batch_does_not_hold_others() {
        let (queue, began) = (queue(1), Instant::now());
        let mut stuck = Vec::new();
        for id in 0..SPARE {
            stuck.push(queue.send(slow(id, 3600 * 1000 * MS)).await);
            sleep(STALL + MS).await;
        }
        let stuck_at = began.elapsed();
        assert_eq!(queue.run(quick(99)).await.unwrap(), 99);
        assert!(began.elapsed() <= stuck_at + MS, "the others went on at once");
        assert!(stuck.iter().all(|one| !one.is_finished()));
        answers(stuck).await;
        assert_eq!(queue.0.lock().open, 0, "what opened in its place is closed again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_its_members_own() {
        let queue = queue(1);
        let failing = Request { does: Does::Fail, ..quick(2) };
        let sent = queue.send_all([slow(0, MS), quick(1), failing, quick(3)]).await;
        assert_eq!(answers(sent).await, [Ok(0), Ok(1), Err(409), Ok(3)]);
        assert_eq!(queue.travelled(), [vec![0], vec![1, 2, 3], vec![1], vec![2], vec![3]]);
    }

    #[tokio::test(start_paused = true)]
    async fn others_go_between_the_members_of_a_failed_batch() {
        let queue = queue(1);
        let failing = Request { does: Does::Fail, ..slow(2, MS) };
        let mut sent = queue.send_all([slow(0, MS), slow(1, MS), failing]).await;
        advance(MS).await;
        yield_now().await;
        yield_now().await;
        sent.extend(queue.send_all([slow(3, MS), slow(4, MS)]).await);
        assert_eq!(answers(sent).await, [Ok(0), Ok(1), Err(409), Ok(3), Ok(4)]);
        assert_eq!(queue.travelled(), [vec![0], vec![1, 2], vec![3, 4], vec![1], vec![2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_for_all_is_told_to_all_and_not_tried_again() {
        let queue = queue(1);
        let losing = Request { does: Does::LoseTheConnection, ..quick(1) };
        let sent = queue.send_all([slow(0, MS), losing, quick(2)]).await;
        assert_eq!(answers(sent).await, [Ok(0), Err(503), Err(503)]);
        assert_eq!(queue.travelled(), [vec![0], vec![1, 2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_served_in_company_is_served_alone() {
        let queue = queue(1);
        let shy = Request { does: Does::WantToBeAlone, ..quick(2) };
        let sent = queue.send_all([slow(0, MS), quick(1), shy, quick(3)]).await;
        assert_eq!(answers(sent).await, [Ok(0), Ok(1), Ok(2), Ok(3)]);
        assert_eq!(queue.travelled(), [vec![0], vec![1, 2, 3], vec![2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_of_one_row_are_made_one_after_the_other_in_the_order_they_came() {
        let queue = queue(2);
        let sent = queue.send_all((0..5).map(of_key("jane")).chain((5..7).map(of_key("john")))).await;
        assert_eq!(answers(sent).await, (0..7).map(Ok).collect::<Vec<_>>());
        let order: Vec<usize> = queue.travelled().concat();
        let of_jane: Vec<usize> = order.iter().copied().filter(|id| *id < 5).collect();
        assert_eq!(of_jane, [0, 1, 2, 3, 4]);
        let together = |a, b| queue.travelled().iter().any(|batch| batch.contains(&a) && batch.contains(&b));
        assert!(!(0..4).any(|id| together(id, id + 1)));
        assert!(queue.0.lock().keys.is_empty(), "nothing of a key is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn the_order_of_one_row_outlives_a_failed_batch() {
        let queue = queue(2);
        let failing = Request { does: Does::Fail, ..slow(2, MS) };
        let (jane, busy) = (of_key("jane"), [slow(0, MS), slow(10, MS)]);
        let sent = queue.send_all(busy.into_iter().chain([jane(1), failing, jane(3)])).await;
        assert_eq!(answers(sent).await, [Ok(0), Ok(10), Ok(1), Err(409), Ok(3)]);
        assert_eq!(queue.travelled().last(), Some(&vec![3]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_cancels_nobody() {
        let queue = queue(1);
        let under_way = queue.send(of_key("jane")(0)).await;
        let mut sent = queue.send_all([of_key("jane")(1), of_key("jane")(2), quick(3)]).await;
        let waiting = sent.remove(0);
        under_way.abort();
        waiting.abort();
        assert_eq!(answers(sent).await, [Ok(2), Ok(3)]);
        let carried = queue.travelled().concat();
        assert!(carried.contains(&0), "it was under way: it was made");
        assert!(!carried.contains(&1), "it waited: it was not made");
        assert!(queue.0.lock().keys.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_not_the_end_of_the_queue() {
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
    fn a_lane_whose_runtime_ends_holds_nobody() {
        for stays in [false, true] {
            let (own, ending) = (runtime(), runtime());
            let queue = own.block_on(async { Coalescer::new(Fake::default(), 1, stays) });
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
    fn when_all_runtimes_ended_nobody_waits() {
        let (own, other) = (runtime(), runtime());
        let queue = own.block_on(async { queue(1) });
        own.block_on(queue.send(for_long(0)));
        let behind = other.block_on(queue.send_all([for_long(1), quick(2)]));
        drop(own);
        assert_eq!(other.block_on(answers(behind)), [Err(503), Err(503)]);
        // One that is alone needs no other runtime.
        assert_eq!(other.block_on(queue.run(quick(3))).unwrap(), 3);
        other.block_on(queue.drain());
    }

    #[test]
    fn only_who_is_alone_is_carried_on_its_own_runtime() {
        let (own, ending) = (runtime(), runtime());
        let queue = own.block_on(async { queue(1) });
        let alone = ending.block_on(queue.send(slow(0, MS)));
        let others = own.block_on(queue.send_all([slow(1, MS), slow(2, MS)]));
        ending.block_on(async { alone.await.unwrap().unwrap() });
        // What waited went on elsewhere.
        drop(ending);
        assert_eq!(own.block_on(answers(others)), [Ok(1), Ok(2)]);
        assert_eq!(queue.travelled(), [vec![0], vec![1, 2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_is_alike_travels_together() {
        let queue = queue(1);
        let under_way = queue.send(slow(0, MS)).await;
        let of_kind = |id: usize| Request { kind: u8::try_from(id % 3).unwrap(), ..quick(id) };
        let mut sent = queue.send_all((1..=7).map(of_kind)).await;
        sent.push(under_way);
        assert!(answers(sent).await.iter().all(Result::is_ok));
        assert_eq!(queue.travelled(), [vec![0], vec![1, 4, 7], vec![2, 5], vec![3, 6]]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_when_too_many_wait_is_refused() {
        let queue = queue(1);
        let under_way = queue.send(slow(0, MS)).await;
        let half = WAITING / 2;
        let mut sent = queue.send_all((0..half).map(quick).chain((half..WAITING).map(of_key("jane")))).await;
        let refused = queue.run(quick(1)).await.unwrap_err();
        assert_eq!(refused.meaning, codes::OVERLOADED);
        sent.push(under_way);
        assert!(answers(sent).await.iter().all(Result::is_ok));
        assert_eq!(queue.run(quick(7)).await.unwrap(), 7);
        assert_eq!(queue.0.lock().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn draining_answers_what_was_accepted_and_refuses_the_rest() {
        let queue = queue(1);
        let sent = queue.send_all((0..5).map(of_key("jane"))).await;
        let drained = tokio::spawn({
            let queue = queue.clone();
            async move { queue.drain().await }
        });
        yield_now().await;
        assert_eq!(queue.run(quick(9)).await.unwrap_err().meaning.status, 503);
        assert!(!drained.is_finished());
        drained.await.unwrap();
        assert!(sent.iter().all(JoinHandle::is_finished));
        assert_eq!(answers(sent).await, (0..5).map(Ok).collect::<Vec<_>>());
    }
}
