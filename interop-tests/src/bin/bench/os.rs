//! What the operating system says about a process and about the machine.

use std::fs;
use std::time::Duration;

/// The time that all processors have spent on the process so far, for itself and in the kernel for it.
///
/// It is counted in ticks, of which a second has 100 on most machines.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    // The second field is the program's name in brackets, and may have spaces in it: /proc/PID/stat, man 5 proc.
    let stat = read(pid, "stat");
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The memory of the process that is not swapped out or untouched, in bytes.
pub(crate) fn resident_memory(pid: u32) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("the kernel tells the memory of a running process") * 1024
}

fn read(pid: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the node is running")
}

/// Processor and kernel, as one reads them beside a number.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    format!("{cores} cores of {model}, Linux {kernel}")
}

/// How many processes wanted to run in the last minute, on average.
pub(crate) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Today's date and the time of day.
pub(crate) fn date() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_takes_time_of_the_processor() {
        let own = std::process::id();
        let (before, start) = (cpu_time(own), Instant::now());
        while cpu_time(own) < before + Duration::from_millis(50) {
            assert!(start.elapsed() < Duration::from_secs(60), "no time is counted");
        }
    }

    #[test]
    fn memory_that_is_used_counts() {
        let own = std::process::id();
        let before = resident_memory(own);
        let used = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(resident_memory(own) >= before + (32 << 20), "{} bytes are not seen", used.len());
    }
}
