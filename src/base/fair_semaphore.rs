//! A semaphore whose permits go to tenants in turn, so that a flood of one tenant's requests delays its own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::base::error::{Result, codes};

/// The bounds of a semaphore.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The number of permits.
    pub permits: usize,
    /// The permits that one tenant can hold at a time.
    pub permits_per_tenant: usize,
    /// The length of the queue, of which one tenant can take half.
    pub queued: usize,
}

/// A semaphore with a bounded queue for each tenant. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FairSemaphore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    queued: usize,
    tenants: HashMap<String, Tenant>,
    /// The tenants with queued requests; the next turn is that of the first.
    turns: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Tenant {
    held: usize,
    queue: VecDeque<oneshot::Sender<Permit>>,
}

/// A permit, returned when it is dropped.
#[derive(Debug)]
pub struct Permit {
    semaphore: FairSemaphore,
    tenant: String,
}

impl FairSemaphore {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, state: Mutex::default() }))
    }

    /// Acquires a permit in the turn of a tenant.
    ///
    /// # Errors
    /// 503 if the queue, or the tenant's half of it, is full.
    pub async fn acquire(&self, tenant: &str) -> Result<Permit> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(tenant, sender)?;
        self.grant();
        receiver.await.map_err(|_| codes::OVERLOADED.into())
    }

    fn enqueue(&self, tenant: &str, sender: oneshot::Sender<Permit>) -> Result<()> {
        let Limits { permits, permits_per_tenant, queued } = self.0.limits;
        let mut state = self.lock();
        let (held, own_queue) =
            state.tenants.get(tenant).map_or((0, 0), |tenant| (tenant.held, tenant.queue.len()));
        let may_run = own_queue == 0 && state.held < permits && held < permits_per_tenant;
        if !may_run && state.is_full(tenant, queued) {
            state.drop_abandoned();
            if state.is_full(tenant, queued) {
                return Err(codes::OVERLOADED.into());
            }
        }
        state.queued += 1;
        let queue = &mut state.tenants.entry(tenant.to_owned()).or_default().queue;
        queue.push_back(sender);
        if queue.len() == 1 {
            state.turns.push_back(tenant.to_owned());
        }
        Ok(())
    }

    /// Hands free permits to the queued requests.
    fn grant(&self) {
        let mut granted = Vec::new();
        {
            let mut state = self.lock();
            while state.held < self.0.limits.permits
                && let Some((tenant, sender)) = state.next(self.0.limits.permits_per_tenant)
            {
                granted.push((sender, Permit { semaphore: self.clone(), tenant }));
            }
        }
        for (sender, permit) in granted {
            // The permit of a request that is gone returns by its drop.
            drop(sender.send(permit));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the next request in turn, and counts its permit.
    fn next(&mut self, permits_per_tenant: usize) -> Option<(String, oneshot::Sender<Permit>)> {
        let may_run = |name: &String| self.tenants[name].held < permits_per_tenant;
        let name = self.turns.remove(self.turns.iter().position(may_run)?)?;
        let tenant = self.tenants.get_mut(&name)?;
        let sender = tenant.queue.pop_front()?;
        tenant.held += 1;
        if !tenant.queue.is_empty() {
            self.turns.push_back(name.clone());
        }
        self.held += 1;
        self.queued -= 1;
        Some((name, sender))
    }

    /// Whether the queue, or a tenant's half of it, is full.
    fn is_full(&self, tenant: &str, limit: usize) -> bool {
        let own_queue = self.tenants.get(tenant).map_or(0, |tenant| tenant.queue.len());
        self.queued >= limit || own_queue >= (limit / 2).max(1)
    }

    /// Removes requests whose callers are gone.
    fn drop_abandoned(&mut self) {
        for tenant in self.tenants.values_mut() {
            tenant.queue.retain(|sender| !sender.is_closed());
        }
        self.queued = self.tenants.values().map(|tenant| tenant.queue.len()).sum();
        self.turns.retain(|name| !self.tenants[name].queue.is_empty());
        self.tenants.retain(|_, tenant| tenant.held > 0 || !tenant.queue.is_empty());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.semaphore.lock();
            state.held -= 1;
            if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
                tenant.held -= 1;
                if tenant.held == 0 && tenant.queue.is_empty() {
                    state.tenants.remove(&self.tenant);
                }
            }
        }
        self.semaphore.grant();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    fn semaphore(permits: usize, permits_per_tenant: usize, queued: usize) -> FairSemaphore {
        FairSemaphore::new(Limits { permits, permits_per_tenant, queued })
    }

    #[tokio::test]
    async fn permits_go_to_tenants_in_turn() {
        let semaphore = semaphore(1, 1, 100);
        let order = Mutex::new(Vec::new());
        let held = semaphore.acquire("flood").await.unwrap();
        let request = async |tenant: &'static str| {
            let _permit = semaphore.acquire(tenant).await.unwrap();
            order.lock().unwrap().push(tenant);
        };
        let requests = ["flood"; 20].into_iter().chain(["a", "b", "a"]);
        let release = async { drop(held) };
        tokio::join!(join_all(requests.map(request)), release);
        let order = order.into_inner().unwrap();
        assert_eq!(order.len(), 23);
        assert_eq!(order[..6], ["flood", "a", "b", "flood", "a", "flood"]);
    }

    #[tokio::test]
    async fn tenant_takes_half_of_the_queue_and_its_permits() {
        let semaphore = semaphore(3, 2, 10);
        let held = [semaphore.acquire("flood").await.unwrap(), semaphore.acquire("flood").await.unwrap()];
        let mut queued: Vec<_> = (0..9).map(|_| Box::pin(semaphore.acquire("flood"))).collect();
        let answers: Vec<_> = queued.iter_mut().map(FutureExt::now_or_never).collect();
        // One permit is free, but not for the tenant that holds its share.
        assert!(answers[..5].iter().all(Option::is_none), "{answers:?}");
        for rejected in &answers[5..] {
            assert_eq!(rejected.as_ref().unwrap().as_ref().unwrap_err().kind, codes::OVERLOADED);
        }
        let other = semaphore.acquire("other").now_or_never().expect("a free permit").unwrap();
        drop((other, held));
    }

    #[tokio::test]
    async fn requests_of_gone_callers_leave_the_queue() {
        let semaphore = semaphore(1, 1, 2);
        let held = semaphore.acquire("a").await.unwrap();
        for _ in 0..10 {
            assert!(semaphore.acquire("a").now_or_never().is_none());
        }
        let waiting = semaphore.acquire("a");
        drop(held);
        assert!(waiting.await.is_ok());
        assert!(semaphore.lock().tenants.is_empty());
    }
}
