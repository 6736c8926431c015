//! A store of objects that fails when it is told to, as disks, networks and killed programs do.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::{Arc, Mutex};

/// What a call does. A deletion of several objects is a call for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Stores an object.
    Put,
    /// Reads one.
    Get,
    /// Lists a folder.
    List,
    /// Deletes an object.
    Delete,
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was done.
    Before,
    /// It was done, and nobody is told.
    After,
}

/// A failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which call fails, from 0 on.
    pub at: usize,
    /// Whether it is done.
    pub moment: Moment,
    /// Whether all calls behind it fail too, with nothing done: the program was killed.
    pub is_final: bool,
}

type Hook = Box<dyn FnMut(Call, &str) + Send>;
type Lock = Box<dyn Fn(&str) -> bool + Send>;

#[derive(Default)]
struct Script {
    calls: usize,
    fault: Option<Fault>,
    /// Run before each call.
    hook: Option<Hook>,
    /// Whether an object may not be deleted.
    lock: Option<Lock>,
}

/// A store whose calls are counted, and fail as [`Fault`] says. Clones share the count.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    script: Arc<Mutex<Script>>,
}

impl Faulty {
    /// Passes calls on to `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Faulty {
        Faulty {
            inner,
            script: Arc::default(),
        }
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.script.lock().unwrap().calls
    }

    /// Counts from 0 again, and fails as `fault` says.
    pub fn fail(&self, fault: Option<Fault>) {
        let mut script = self.script.lock().unwrap();
        script.calls = 0;
        script.fault = fault;
    }

    /// Does something before each call, in a thread of its own: it may use the store below, and
    /// what it does happens between two calls.
    pub fn before_each(&self, hook: Option<Hook>) {
        self.script.lock().unwrap().hook = hook;
    }

    /// Refuses to delete some objects, as a bucket's lock does.
    pub fn lock(&self, lock: Option<Lock>) {
        self.script.lock().unwrap().lock = lock;
    }

    /// Counts a call; an error when it is to fail before or after.
    fn enter(&self, call: Call, name: &str) -> (Result<()>, Result<()>) {
        let hook = self.script.lock().unwrap().hook.take();
        if let Some(mut hook) = hook {
            // A thread of its own: futures cannot be waited for inside of one.
            std::thread::scope(|scope| {
                scope.spawn(|| hook(call, name)).join().unwrap();
            });
            self.script.lock().unwrap().hook.get_or_insert(hook);
        }
        let mut script = self.script.lock().unwrap();
        let at = script.calls;
        script.calls += 1;
        let locked = script.lock.as_ref().is_some_and(|lock| lock(name));
        if call == Call::Delete && locked {
            let denied = Err(Error::PermissionDenied {
                path: name.to_owned(),
                source: "the object is locked".into(),
            });
            return (denied, Ok(()));
        }
        let failed = || {
            Err(Error::Generic {
                store: "Faulty",
                source: format!("call {at} fails").into(),
            })
        };
        match script.fault {
            Some(fault) if at == fault.at && fault.moment == Moment::After => (Ok(()), failed()),
            Some(fault) if at == fault.at || (fault.is_final && at > fault.at) => {
                (failed(), Ok(()))
            }
            _ => (Ok(()), Ok(())),
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let (before, after) = self.enter(Call::Put, location.as_ref());
        before?;
        let done = self.inner.put_opts(location, payload, opts).await;
        after.and(done)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (before, after) = self.enter(Call::Put, location.as_ref());
        before?;
        let done = self.inner.put_multipart_opts(location, opts).await;
        after.and(done)
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (before, after) = self.enter(Call::Get, location.as_ref());
        before?;
        let done = self.inner.get_opts(location, options).await;
        after.and(done)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .then(move |location| {
                let this = this.clone();
                async move {
                    let location = location?;
                    let (before, after) = this.enter(Call::Delete, location.as_ref());
                    before?;
                    let done = this.inner.delete(&location).await;
                    after.and(done).map(|()| location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let name = prefix.map(Path::to_string).unwrap_or_default();
        match self.enter(Call::List, &name) {
            (Ok(()), Ok(())) => self.inner.list(prefix),
            (Err(err), _) | (_, Err(err)) => stream::once(async { Err(err) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let name = prefix.map(Path::to_string).unwrap_or_default();
        let (before, after) = self.enter(Call::List, &name);
        before?;
        let done = self.inner.list_with_delimiter(prefix).await;
        after.and(done)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (before, after) = self.enter(Call::Put, to.as_ref());
        before?;
        let done = self.inner.copy_opts(from, to, options).await;
        after.and(done)
    }
}
