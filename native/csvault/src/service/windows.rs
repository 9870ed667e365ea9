//! The service under the service manager of Windows.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cs_contract::{ErrorId, ErrorReport};
use windows_service::service::{
    ServiceAccess, ServiceControl, ServiceControlAccept, ServiceErrorControl, ServiceExitCode,
    ServiceInfo, ServiceStartType, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

use super::{InstallOptions, PlaceOptions, Step, Told};
use crate::cli::{EXIT_NO_SERVICE, Out};
use crate::home::{self, Mode};
use crate::serve;

const NAME: &str = "csvault";
const DISPLAY_NAME: &str = "CsVault";
const PIPE: &str = r"\\.\pipe\csvault";

/// An account that Windows makes for the service of that name, which has its own SID and no password.
const ACCOUNT: &str = r"NT SERVICE\csvault";

/// `ERROR_SERVICE_DOES_NOT_EXIST` and `ERROR_ACCESS_DENIED` of the Windows SDK.
const NO_SUCH_SERVICE: i32 = 1060;
const DENIED: i32 = 5;

/// How long an ending service may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn fault(what: &str, error: &windows_service::Error) -> ErrorReport {
    let code = match error {
        windows_service::Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    };
    if code == Some(DENIED) {
        let text = format!("{what} needs an administrator of this machine.");
        return ErrorReport::new(ErrorId::AccessDenied, text)
            .hint("Repeat it at an elevated prompt, or look at what it does with --dry-run.");
    }
    let why = match error {
        windows_service::Error::Winapi(error) => error.to_string(),
        other => other.to_string(),
    };
    ErrorReport::new(ErrorId::HostUnavailable, format!("{what} failed: {why}."))
}

fn invalid(text: String) -> ErrorReport {
    ErrorReport::new(ErrorId::ParameterInvalid, text).hint("Run `csvault service install --help`.")
}

/// Makes the data folder, for the service, the system and the administrators alone.
fn data_folder(told: &Told, home: &Path) -> Result<(), ErrorReport> {
    let fail = |why: &str| {
        let text = format!("The data folder {} cannot be made: {why}.", home.display());
        ErrorReport::new(ErrorId::FileWriteFailed, text).on("Folder", home.display().to_string())
    };
    told.done(
        Step::Made,
        &format!("the folder {} for the service alone", home.display()),
    );
    if told.dry_run {
        return Ok(());
    }
    std::fs::create_dir_all(home).map_err(|error| fail(&error.to_string()))?;
    let output = Command::new("icacls")
        .arg(home)
        .args(["/inheritance:r", "/grant:r", "*S-1-5-18:(OI)(CI)F"])
        .args(["*S-1-5-32-544:(OI)(CI)F", &format!("{ACCOUNT}:(OI)(CI)F")])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| fail(&error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(fail(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Installs the service and starts it.
pub fn install(options: &InstallOptions) -> Result<(), ErrorReport> {
    let mut told = Told::new(options.place.dry_run);
    let executable = match &options.executable {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .map_err(|error| invalid(format!("This executable cannot be found: {error}.")))?,
    };
    let home = home::locate(options.home.as_deref(), Mode::System)?;
    let pipe = options.pipe.clone().unwrap_or_else(|| PIPE.into());
    for (path, what) in [(&executable, "executable"), (&home, "data folder")] {
        if !path.is_absolute() {
            return Err(invalid(format!(
                "The {what} {} is no rooted path.",
                path.display()
            )));
        }
    }
    if !pipe.to_string_lossy().starts_with(r"\\.\pipe\") {
        return Err(invalid(format!(
            r"The pipe {} is not \\.\pipe\NAME.",
            pipe.display()
        )));
    }
    // Its rights are about to be changed.
    home::check_content(&home)?;
    let mut arguments: Vec<OsString> = ["serve", "--system", "--as-service"]
        .map(OsString::from)
        .into();
    arguments.extend([
        "--home".into(),
        home.clone().into(),
        "--pipe".into(),
        pipe.clone().into(),
    ]);
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: DISPLAY_NAME.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: executable.clone(),
        launch_arguments: arguments,
        dependencies: Vec::new(),
        account_name: Some(ACCOUNT.into()),
        account_password: None,
    };
    told.done(
        Step::Installed,
        &format!(
            "the service {NAME}, which runs {} as {ACCOUNT}",
            executable.display()
        ),
    );
    if !told.dry_run {
        let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
        let failed = |error| fault("Installing a service", &error);
        let manager = ServiceManager::local_computer(None::<&OsStr>, access).map_err(failed)?;
        let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::DELETE;
        let service = manager.create_service(&info, access).map_err(failed)?;
        // For people who look at the list of services, and no more than that.
        let _undescribed = service.set_description(
            "The Central Management store of Lync Server and Skype for Business Server",
        );
        // Its account exists now, and not before.
        if let Err(error) = data_folder(&told, &home) {
            let _stays_when_that_fails = service.delete();
            return Err(error);
        }
        match service.start::<&OsStr>(&[]) {
            Ok(()) => told.say("Started it; it starts with the machine"),
            Err(error) => told.left(format!(
                "start the service: {}",
                fault("it", &error).message
            )),
        }
    } else {
        data_folder(&told, &home)?;
    }
    told.left(format!(
        "for clients of the service, set\nCSVAULT_PIPE={}\nCSVAULT_PIPE_OWNER={ACCOUNT}",
        pipe.display()
    ));
    told.left(format!(
        "say in {} which groups have which rights (docs/service.md)",
        home.join("settings.json").display()
    ));
    Ok(())
}

/// Stops and removes the service. The data folder stays.
pub fn uninstall(place: &PlaceOptions) -> Result<(), ErrorReport> {
    let told = Told::new(place.dry_run);
    let failed = |error| fault("Removing a service", &error);
    let manager = ServiceManager::local_computer(None::<&OsStr>, ServiceManagerAccess::CONNECT)
        .map_err(failed)?;
    let access = if place.dry_run {
        ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG
    } else {
        ServiceAccess::QUERY_STATUS
            | ServiceAccess::QUERY_CONFIG
            | ServiceAccess::STOP
            | ServiceAccess::DELETE
    };
    let service = match manager.open_service(NAME, access) {
        Ok(service) => service,
        Err(error) if is_missing(&error) => {
            told.say("The service is not installed");
            return Ok(());
        }
        Err(error) => return Err(failed(error)),
    };
    let command = service
        .query_config()
        .map(|config| config.executable_path)
        .unwrap_or_default();
    if !place.dry_run {
        let state = service.query_status().map_err(failed)?.current_state;
        if state != ServiceState::Stopped {
            service.stop().map_err(failed)?;
            let since = Instant::now();
            while service.query_status().map_err(failed)?.current_state != ServiceState::Stopped {
                if since.elapsed() > PATIENCE {
                    let text = format!("The service {NAME} does not end.");
                    return Err(ErrorReport::new(ErrorId::HostUnavailable, text));
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        service.delete().map_err(failed)?;
    }
    told.done(Step::StoppedAndRemoved, &format!("the service {NAME}"));
    let was = if place.dry_run { "would be" } else { "was" };
    told.say(&format!(
        "Its data folder {was} left as it is; its command line was {}",
        command.display()
    ));
    Ok(())
}

fn is_missing(error: &windows_service::Error) -> bool {
    matches!(error, windows_service::Error::Winapi(error) if error.raw_os_error() == Some(NO_SUCH_SERVICE))
}

/// Says what is installed, enabled and running. The exit code is 0 when it runs.
pub fn status(_: &PlaceOptions) -> Result<u8, ErrorReport> {
    let failed = |error| fault("Asking for a service", &error);
    let manager = ServiceManager::local_computer(None::<&OsStr>, ServiceManagerAccess::CONNECT)
        .map_err(failed)?;
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG;
    let (text, runs) = match manager.open_service(NAME, access) {
        Err(error) if is_missing(&error) => (
            "installed: no\nenabled:   no\nrunning:   no\n".to_owned(),
            false,
        ),
        Err(error) => return Err(failed(error)),
        Ok(service) => {
            let config = service.query_config().map_err(failed)?;
            let state = service.query_status().map_err(failed)?.current_state;
            let enabled = config.start_type == ServiceStartType::AutoStart;
            let text = format!(
                "installed: yes ({})\nenabled:   {}\nrunning:   {state:?}\n",
                config.executable_path.display(),
                if enabled { "yes" } else { "no" },
            );
            (text, state == ServiceState::Running)
        }
    };
    let _told_at_the_end = Out.write_all(text.as_bytes());
    Ok(if runs { 0 } else { EXIT_NO_SERVICE })
}

/// What the service manager's thread is to run.
static OPTIONS: OnceLock<serve::Options> = OnceLock::new();

define_windows_service!(service_entry, service_main);

/// Runs a service that the service manager started, to its end.
///
/// # Errors
/// When it was not the service manager.
pub fn run_dispatched(options: serve::Options) -> Result<(), ErrorReport> {
    let _set_once = OPTIONS.set(options);
    service_dispatcher::start(NAME, service_entry)
        .map_err(|error| fault("Running as a service", &error))
}

fn service_main(_: Vec<OsString>) {
    let handler = |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            serve::stop_from_outside();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    // Without a handler there is nobody to tell.
    let Ok(manager) = service_control_handler::register(NAME, handler) else {
        return;
    };
    let tell = |state, exit_code| {
        let accepted = match state {
            ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
            _ => ServiceControlAccept::empty(),
        };
        let _unheard = manager.set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted: accepted,
            exit_code,
            checkpoint: 0,
            wait_hint: PATIENCE,
            process_id: None,
        });
    };
    tell(ServiceState::StartPending, ServiceExitCode::NO_ERROR);
    let ended = OPTIONS.get().map(|options| {
        serve::run_telling(options, || {
            tell(ServiceState::Running, ServiceExitCode::NO_ERROR)
        })
    });
    let code = match ended {
        Some(Ok(())) => ServiceExitCode::NO_ERROR,
        _ => ServiceExitCode::ServiceSpecific(u32::from(EXIT_NO_SERVICE)),
    };
    tell(ServiceState::Stopped, code);
}
