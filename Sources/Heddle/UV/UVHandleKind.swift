/// The kinds of handle a loop can own; live handles are counted per kind.
enum UVHandleKind: UInt8, CaseIterable, Sendable {
    case async, prepare, check, idle, timer, poll, signal, process, tcp, pipe

    /// Whether the loop owns exactly one for its own working, closed last of all.
    var isMachinery: Bool {
        switch self {
        case .async, .prepare, .check, .idle, .timer: true
        case .poll, .signal, .process, .tcp, .pipe: false
        }
    }
}
