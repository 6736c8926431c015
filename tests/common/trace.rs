//! Runs a program under `ptrace`: every operation on files below a directory is seen, by all
//! threads and in one order, and can be made to fail.
//!
//! `strace` can inject faults too, but it counts calls per thread: the third sync of a worker and
//! that of the main thread cannot be told apart, and after the first of them the program is gone.
//! Here there is one count for the whole program.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An operation that changes files, or makes changes last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Opens a file that may be new, and whether what is in it goes.
    Create(PathBuf, bool),
    /// Writes.
    Write(PathBuf),
    /// Makes a file or a directory last.
    Sync(PathBuf),
    /// Renames.
    Rename(PathBuf, PathBuf),
    /// Removes a file.
    Remove(PathBuf),
    /// Makes a directory.
    MakeDir(PathBuf),
    /// Removes a directory.
    RemoveDir(PathBuf),
    /// Changes files in a way that nothing here knows.
    Other(&'static str, PathBuf),
    /// Reads so many bytes from an offset on. Only seen by those who want that.
    Read(PathBuf, u64, u64),
}

/// What is to become of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is done.
    Pass,
    /// The program is killed before it is done.
    Kill,
    /// Half of it is written, and the program is killed.
    Tear,
    /// It is not done, and fails.
    Fail(Errno),
    /// No more than so many bytes are read.
    Shorten(u64),
}

/// What came of a run.
#[derive(Debug)]
pub struct Traced {
    /// The exit status; `None` when it was killed.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
    /// What it did, in order, whether or not it went well.
    pub ops: Vec<Op>,
}

/// What is done with operations: `before` each it is asked what is to become of it, and `after` it
/// is told of those that were done.
pub trait Plan {
    /// Whether to be asked about what is read, too.
    fn sees_reads(&self) -> bool {
        false
    }

    /// What is to become of the operation `index`.
    fn before(&mut self, _index: usize, _op: &Op) -> Deed {
        Deed::Pass
    }

    /// The operation was done; `contents` are those of the file that it wrote.
    fn after(&mut self, _op: &Op, _contents: Option<Vec<u8>>) {}
}

/// Whether programs can be traced here; `Err` says why not.
pub fn is_possible() -> Result<(), String> {
    struct Nothing;
    impl Plan for Nothing {}
    let traced = run(
        Command::new("/bin/true").env_clear(),
        Path::new("/nowhere"),
        &mut Nothing,
    )?;
    match traced.code {
        Some(0) => Ok(()),
        code => Err(format!("a traced program ended with {code:?}")),
    }
}

/// Runs `command` on one processor. Operations below `watched` are told to `plan`.
///
/// # Errors
/// When it cannot be traced.
pub fn run(command: &Command, watched: &Path, plan: &mut dyn Plan) -> Result<Traced, String> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        shell.current_dir(dir);
    }
    let mut child = shell.spawn().map_err(|err| err.to_string())?;
    let main = Pid::from_raw(i32::try_from(child.id()).unwrap());
    waitpid(main, Some(WaitPidFlag::WUNTRACED)).unwrap();
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD
        | ptrace::Options::PTRACE_O_TRACECLONE
        | ptrace::Options::PTRACE_O_TRACEFORK
        | ptrace::Options::PTRACE_O_TRACEVFORK
        | ptrace::Options::PTRACE_O_TRACEEXEC
        | ptrace::Options::PTRACE_O_EXITKILL;
    if let Err(err) = ptrace::seize(main, options) {
        kill(main, Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        return Err(format!("a program cannot be traced: {err}"));
    }
    pin(main);
    kill(main, Signal::SIGCONT).unwrap();
    let mut tracer = Tracer {
        main,
        watched,
        plan,
        ops: Vec::new(),
        inside: HashMap::new(),
        busy: None,
        held: VecDeque::new(),
        code: None,
    };
    tracer.follow();
    let mut told = [String::new(), String::new()];
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut told[0])
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told[1])
        .unwrap();
    let [stdout, stderr] = told;
    Ok(Traced {
        code: tracer.code,
        stdout,
        stderr,
        ops: tracer.ops,
    })
}

/// Holds a program to one processor: then it does with one worker what it else does with several,
/// and in nearly the same order each time.
fn pin(pid: Pid) {
    let allowed = sched_getaffinity(pid).unwrap();
    let usable: Vec<usize> = (0..CpuSet::count())
        .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
        .collect();
    let turn = usize::try_from(pid.as_raw()).unwrap() % usable.len();
    let mut one = CpuSet::new();
    one.set(*usable.get(turn).unwrap()).unwrap();
    sched_setaffinity(pid, &one).unwrap();
}

/// An operation that a thread is in, its file where it has one, and what is to become of it.
struct Inside {
    op: Op,
    fd: Option<u64>,
    deed: Deed,
}

struct Tracer<'a> {
    main: Pid,
    watched: &'a Path,
    plan: &'a mut dyn Plan,
    ops: Vec<Op>,
    /// The threads that are in a system call, and in which operation, where it is one.
    inside: HashMap<Pid, Option<Inside>>,
    /// The thread that is in an operation: one at a time, so that there is one order.
    busy: Option<Pid>,
    /// Those that wait for it.
    held: VecDeque<Pid>,
    code: Option<i32>,
}

impl Tracer<'_> {
    fn follow(&mut self) {
        // Only children of this thread: other tests run programs too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)) {
                Err(Errno::ECHILD) => return,
                Err(Errno::EINTR) => {}
                Err(err) => panic!("{err}"),
                Ok(WaitStatus::Exited(pid, code)) => {
                    self.left(pid);
                    if pid == self.main {
                        self.code = Some(code);
                    }
                }
                Ok(WaitStatus::Signaled(pid, ..)) => self.left(pid),
                Ok(WaitStatus::PtraceSyscall(pid)) => self.syscall(pid),
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    if event == libc::PTRACE_EVENT_EXEC {
                        self.inside.insert(pid, None);
                    }
                    go_on(pid, None);
                }
                Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, Some(signal)),
                Ok(_) => {}
            }
        }
    }

    fn left(&mut self, pid: Pid) {
        self.inside.remove(&pid);
        self.held.retain(|held| *held != pid);
        if self.busy == Some(pid) {
            self.busy = None;
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(pid) = self.held.pop_front() {
            self.enter(pid);
        }
    }

    fn syscall(&mut self, pid: Pid) {
        match self.inside.remove(&pid) {
            None => self.enter(pid),
            Some(inside) => self.leave(pid, inside),
        }
    }

    fn enter(&mut self, pid: Pid) {
        let Ok(mut regs) = ptrace::getregs(pid) else {
            return;
        };
        let found = decode(pid, &regs).or_else(|| match self.plan.sees_reads() {
            true => decode_read(pid, &regs),
            false => None,
        });
        let found = found.filter(|(op, _)| self.is_watched(op));
        let Some((op, fd)) = found else {
            self.inside.insert(pid, None);
            return go_on(pid, None);
        };
        if self.busy.is_some() {
            self.held.push_back(pid);
            return;
        }
        self.busy = Some(pid);
        let deed = self.plan.before(self.ops.len(), &op);
        self.ops.push(op.clone());
        match deed {
            Deed::Pass => {}
            Deed::Kill => {
                regs.orig_rax = u64::MAX;
                let _ = ptrace::setregs(pid, regs);
                return kill(self.main, Signal::SIGKILL).unwrap();
            }
            Deed::Tear => {
                regs.rdx /= 2;
                let _ = ptrace::setregs(pid, regs);
            }
            Deed::Shorten(len) => {
                regs.rdx = len;
                let _ = ptrace::setregs(pid, regs);
            }
            Deed::Fail(_) => {
                regs.orig_rax = u64::MAX;
                let _ = ptrace::setregs(pid, regs);
            }
        }
        self.inside.insert(pid, Some(Inside { op, fd, deed }));
        go_on(pid, None);
    }

    fn leave(&mut self, pid: Pid, inside: Option<Inside>) {
        let Some(Inside { op, fd, deed }) = inside else {
            return go_on(pid, None);
        };
        let Ok(mut regs) = ptrace::getregs(pid) else {
            return;
        };
        if let Deed::Fail(errno) = deed {
            regs.rax = (-i64::from(errno as i32)).cast_unsigned();
            let _ = ptrace::setregs(pid, regs);
        } else if regs.rax.cast_signed() >= 0 {
            let contents = fd
                .filter(|_| matches!(op, Op::Write(_)))
                .map(|fd| fs::read(format!("/proc/{pid}/fd/{fd}")).unwrap());
            self.plan.after(&op, contents);
        }
        if deed == Deed::Tear {
            return kill(self.main, Signal::SIGKILL).unwrap();
        }
        self.busy = None;
        go_on(pid, None);
        self.release();
    }

    fn is_watched(&self, op: &Op) -> bool {
        match op {
            Op::Rename(from, to) => from.starts_with(self.watched) || to.starts_with(self.watched),
            Op::Create(path, _)
            | Op::Write(path)
            | Op::Sync(path)
            | Op::Remove(path)
            | Op::MakeDir(path)
            | Op::RemoveDir(path)
            | Op::Read(path, ..)
            | Op::Other(_, path) => path.starts_with(self.watched),
        }
    }
}

/// Lets a thread go on to its next stop. One that was killed meanwhile is waited for.
fn go_on(pid: Pid, signal: Option<Signal>) {
    let signal = signal.filter(|signal| *signal != Signal::SIGTRAP);
    let _ = ptrace::syscall(pid, signal);
}

/// The operation that a thread is about to do, and the descriptor that it is done on.
fn decode(pid: Pid, regs: &libc::user_regs_struct) -> Option<(Op, Option<u64>)> {
    let cwd = i64::from(libc::AT_FDCWD).cast_unsigned();
    let at = |dir: u64, name: u64| path_at(pid, dir, name);
    let of = |fd: u64| fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap_or_default();
    let (a, b, c, d) = (regs.rdi, regs.rsi, regs.rdx, regs.r10);
    let opened = |path: PathBuf, flags: u64| {
        let flags = i32::try_from(flags & 0x7fff_ffff).unwrap();
        let creates = flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
        creates.then_some((Op::Create(path, flags & libc::O_TRUNC != 0), None))
    };
    let named = |op: Op| Some((op, None));
    let on = |op: Op, fd: u64| Some((op, Some(fd)));
    match regs.orig_rax.cast_signed() {
        libc::SYS_open => opened(at(cwd, a), b),
        libc::SYS_openat => opened(at(a, b), c),
        libc::SYS_creat => named(Op::Create(at(cwd, a), true)),
        libc::SYS_write | libc::SYS_pwrite64 => on(Op::Write(of(a)), a),
        libc::SYS_fsync | libc::SYS_fdatasync => on(Op::Sync(of(a)), a),
        libc::SYS_rename => named(Op::Rename(at(cwd, a), at(cwd, b))),
        libc::SYS_renameat | libc::SYS_renameat2 => named(Op::Rename(at(a, b), at(c, d))),
        libc::SYS_unlink => named(Op::Remove(at(cwd, a))),
        libc::SYS_unlinkat => {
            let is_dir = c & 0x200 != 0; // AT_REMOVEDIR
            let path = at(a, b);
            named(if is_dir {
                Op::RemoveDir(path)
            } else {
                Op::Remove(path)
            })
        }
        libc::SYS_rmdir => named(Op::RemoveDir(at(cwd, a))),
        libc::SYS_mkdir => named(Op::MakeDir(at(cwd, a))),
        libc::SYS_mkdirat => named(Op::MakeDir(at(a, b))),
        libc::SYS_link => named(Op::Other("link", at(cwd, b))),
        libc::SYS_linkat => named(Op::Other("linkat", at(c, d))),
        libc::SYS_symlink => named(Op::Other("symlink", at(cwd, b))),
        libc::SYS_truncate => named(Op::Other("truncate", at(cwd, a))),
        libc::SYS_ftruncate => on(Op::Other("ftruncate", of(a)), a),
        libc::SYS_fallocate => on(Op::Other("fallocate", of(a)), a),
        libc::SYS_writev | libc::SYS_pwritev => on(Op::Other("writev", of(a)), a),
        libc::SYS_sendfile => on(Op::Other("sendfile", of(a)), a),
        libc::SYS_copy_file_range => on(Op::Other("copy_file_range", of(c)), c),
        libc::SYS_splice => on(Op::Other("splice", of(c)), c),
        _ => None,
    }
}

/// The reading at an offset that a thread is about to do.
fn decode_read(pid: Pid, regs: &libc::user_regs_struct) -> Option<(Op, Option<u64>)> {
    let is_read = regs.orig_rax.cast_signed() == libc::SYS_pread64;
    let path = is_read.then(|| fs::read_link(format!("/proc/{pid}/fd/{}", regs.rdi)))?;
    let op = Op::Read(path.unwrap_or_default(), regs.r10, regs.rdx);
    Some((op, Some(regs.rdi)))
}

/// The path at the address `name`, from the directory `dir` on.
fn path_at(pid: Pid, dir: u64, name: u64) -> PathBuf {
    let mut bytes = vec![0; 4096];
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let len = memory.read_at(&mut bytes, name).unwrap_or_default();
    bytes.truncate(len);
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or_default();
    bytes.truncate(end);
    let path = PathBuf::from(OsString::from_vec(bytes));
    let from = match i32::try_from(dir.cast_signed() & 0xffff_ffff).unwrap_or(libc::AT_FDCWD) {
        libc::AT_FDCWD => format!("/proc/{pid}/cwd"),
        fd => format!("/proc/{pid}/fd/{fd}"),
    };
    fs::read_link(from).unwrap_or_default().join(path)
}
