//! `csvault serve`: puts a service together, says that it is ready, and runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cs_contract::{ErrorId, ErrorReport};
use cs_engine::{Clock, Engine, EngineParts, Ids};
use cs_model::Uuid;
use serde::{Deserialize, Serialize};

use crate::audit::{AuditLog, SETTLE};
use crate::directory::Accounts;
use crate::home::{self, Mode};
use crate::lock::{HomeLock, LockFault};
use crate::server::{self, Parts, Service};
use crate::settings::Settings;
use crate::{private, service_log, socket, stores};

/// Calls and other work beside the pipe, at most.
const THREADS: usize = 256;

/// How a service is to run.
#[derive(Debug)]
pub struct Options {
    /// The data folder.
    pub home: PathBuf,
    /// The pipe, when it is not in the data folder.
    pub pipe: Option<PathBuf>,
    /// For whom.
    pub mode: Mode,
    /// Minutes without a request before it ends; overrides the settings.
    pub idle_minutes: Option<f64>,
    /// Leave the session of the process that started it.
    pub detach: bool,
}

/// What a service says on standard output when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Its process id.
    pub pid: u32,
    /// Its pipe.
    pub pipe: String,
    /// Its data folder.
    pub home: String,
    /// Its version.
    pub version: String,
}

/// What stands in its place when it could not be started.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotReady {
    /// Why.
    pub error: ErrorReport,
}

/// Why a service could not be started.
#[derive(Debug)]
pub enum Fault {
    /// Another one has the data folder open.
    Held(ErrorReport),
    /// Anything else.
    Failed(ErrorReport),
}

impl From<ErrorReport> for Fault {
    fn from(report: ErrorReport) -> Self {
        Self::Failed(report)
    }
}

impl From<LockFault> for Fault {
    fn from(fault: LockFault) -> Self {
        match fault {
            LockFault::Held(report) => Self::Held(report),
            LockFault::Failed(report) => Self::Failed(report),
        }
    }
}

/// Runs a service to its end. The error is for the caller to tell.
///
/// # Errors
/// Why it could not be started.
pub fn run(options: &Options) -> Result<(), Fault> {
    run_telling(options, || {})
}

/// The same, for somebody who wants to know when it is ready.
///
/// # Errors
/// Why it could not be started.
pub fn run_telling(options: &Options, ready: impl FnOnce()) -> Result<(), Fault> {
    private::keep_new_files_private();
    if options.detach {
        leave_session();
    }
    // Before anything is made: a start that is refused changes nothing.
    let pipe_path = socket::locate(options.pipe.as_deref(), &options.home, options.mode)?;
    home::prepare(&options.home, options.mode)?;
    let lock = HomeLock::take(&options.home)?;
    home::sweep(&options.home);
    service_log::keep_panics(&options.home);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS)
        .build()
        .map_err(|error| not_started(&error))?;
    #[cfg(unix)]
    outlive_file_size_limits(&runtime);
    let settings = Arc::new(Settings::load(&options.home, options.mode)?);
    let limits = settings.limits.resolve();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let audit = Arc::new(AuditLog::open(
        &options.home,
        Arc::clone(&clock),
        settings.audit_rules(),
    )?);
    let stores = stores::open(&options.home, clock.as_ref(), ids.as_ref())?;
    let accounts = Arc::new(Accounts::new(Arc::clone(&settings)));
    let engine = Engine::new(EngineParts {
        central: Arc::clone(&stores.central),
        local: Arc::clone(&stores.local),
        clock,
        ids,
        directory: Arc::clone(&accounts) as _,
        audit: Arc::clone(&audit) as _,
        limits: limits.packages,
    })
    .map_err(|error| stores::fault(&error))?;
    let service = Service::new(Parts {
        engine,
        central: stores.central,
        local: stores.local,
        accounts,
        audit: Arc::clone(&audit) as _,
        limits,
        home: options.home.clone(),
        pipe: pipe_path.clone(),
    });
    let idle = match (options.mode, options.idle_minutes) {
        (_, Some(minutes)) => idle_time(minutes),
        (Mode::Embedded, None) => settings.idle(),
        (Mode::System, None) => None,
    };
    runtime.block_on(async {
        let (listener, name) = socket::listen(&pipe_path, options.mode)?.split();
        stop_on_signals(&service)?;
        tokio::spawn(settle(Arc::clone(&audit)));
        say_ready(&options.home, &pipe_path);
        ready();
        server::serve(Arc::clone(&service), listener, name, idle).await;
        Ok::<_, ErrorReport>(())
    })?;
    // Calls that do not notice that they were stopped are left behind; what they had not committed never was.
    runtime.shutdown_timeout(Duration::from_secs(1));
    audit.settle(true);
    drop(service);
    drop(lock);
    Ok(())
}

/// Has the audit log write what it counted, when its time has come. Never ends.
async fn settle(audit: Arc<AuditLog>) {
    loop {
        tokio::time::sleep(SETTLE).await;
        let audit = Arc::clone(&audit);
        let _panics_are_logged = tokio::task::spawn_blocking(move || audit.settle(false)).await;
    }
}

/// Minutes as a time. 0 means for ever, and so does what is longer than a time can be.
fn idle_time(minutes: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(minutes * 60.0)
        .ok()
        .filter(|idle| !idle.is_zero())
}

fn not_started(error: &std::io::Error) -> ErrorReport {
    ErrorReport::new(
        ErrorId::HostUnavailable,
        format!("The service cannot be started: {error}."),
    )
}

/// So that Ctrl+C at the prompt, or its end, does not end the service as well.
fn leave_session() {
    #[cfg(unix)]
    {
        let _leads_one_already = nix::unistd::setsid();
        let _stays_where_it_is = std::env::set_current_dir("/");
    }
}

fn say_ready(home: &Path, pipe: &Path) {
    let ready = Ready {
        pid: std::process::id(),
        pipe: pipe.display().to_string(),
        home: home.display().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut line = serde_json::to_vec(&ready).unwrap_or_default();
    line.push(b'\n');
    // Nobody has to listen.
    let _unheard = std::io::stdout()
        .write_all(&line)
        .and_then(|()| std::io::stdout().flush());
    #[cfg(unix)]
    let _unheard = crate::sd_notify::tell("READY=1");
}

/// A file size limit is an error of the write that meets it, and must not end the service.
#[cfg(unix)]
fn outlive_file_size_limits(runtime: &tokio::runtime::Runtime) {
    use tokio::signal::unix::{SignalKind, signal};

    let _entered = runtime.enter();
    // Whoever hears it once is not ended by it any more, though nobody listens.
    let _ignored = signal(SignalKind::from_raw(nix::libc::SIGXFSZ));
}

#[cfg(unix)]
fn stop_on_signals(service: &Arc<Service>) -> Result<(), ErrorReport> {
    use tokio::signal::unix::{SignalKind, signal};

    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ] {
        let mut signals = signal(kind).map_err(|error| not_started(&error))?;
        let service = Arc::clone(service);
        tokio::spawn(async move {
            signals.recv().await;
            service.stop_wanted.notify_one();
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn stop_on_signals(service: &Arc<Service>) -> Result<(), ErrorReport> {
    let service = Arc::clone(service);
    tokio::spawn(async move {
        tokio::select! {
            Ok(()) = tokio::signal::ctrl_c() => {}
            () = STOP.notified() => {}
        }
        service.stop_wanted.notify_one();
    });
    Ok(())
}

/// The system wants the service to end.
#[cfg(windows)]
static STOP: tokio::sync::Notify = tokio::sync::Notify::const_new();

/// Ends the service of this process, from any thread.
#[cfg(windows)]
pub fn stop_from_outside() {
    STOP.notify_one();
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> String {
        jiff::Timestamp::now().to_string()
    }
}

/// Random guids.
#[derive(Debug, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn guid(&self) -> Uuid {
        uuid::Uuid::new_v4()
    }
}
