internal import Glibc
internal import SystemPackage

/// The kernel's events of one watcher. Once made, owns the inotify descriptor, which is closed with it.
///
/// Everything here belongs to the loop's thread.
final class InotifyWatch: UVPoll {
    /// Bytes of events one turn reads before others have theirs.
    private static let bufferBytes = 16 * 1024
    private static let readsPerTurn = 4

    private let descriptor: Int32
    private var targets: [Int32: WatchBeginning.Target]
    private let mailbox: FileMailbox
    private let closed: () -> Void

    init(
        loop: UVLoop, descriptor: Int32, targets: [Int32: WatchBeginning.Target],
        mailbox: FileMailbox, closed: @escaping () -> Void
    ) throws(UVError) {
        self.descriptor = descriptor
        self.targets = targets
        self.mailbox = mailbox
        self.closed = closed
        try super.init(loop: loop, descriptor: descriptor)
    }

    override func becameReady() {
        // The system writes no more than the buffer holds, and whole events.
        unsafe withUnsafeTemporaryAllocation(byteCount: Self.bufferBytes, alignment: 8) { buffer in
            for _ in 0..<Self.readsPerTurn where phase == .open {
                let count = unsafe read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    override func didClose() {
        _ = Glibc.close(descriptor)
        closed()
    }

    /// Events as read(2) gives them: the watch, what happened, a number, the length of the name, the name.
    private func take(_ events: UnsafeRawBufferPointer) {
        var start = 0
        while start + 16 <= events.count {
            // The system gives whole events, each as long as it says.
            let number = unsafe events.loadUnaligned(fromByteOffset: start, as: Int32.self)
            let mask = unsafe events.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self)
            let length = unsafe Int(
                events.loadUnaligned(fromByteOffset: start + 12, as: UInt32.self))
            let text = unsafe events[(start + 16)..<(start + 16 + length)].prefix { $0 != 0 }
            let name = unsafe text.map { CChar(bitPattern: $0) } + [0]
            start += 16 + length
            if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                mailbox.overflow()
            } else if name.count > 1 {
                happened(mask, FilePath.Component(platformString: name), in: number)
            } else {
                happenedToFolder(mask, number)
            }
        }
    }

    private func happened(_ mask: UInt32, _ name: FilePath.Component?, in number: Int32) {
        guard let name, let target = targets[number] else { return }
        let kind: FileEventQueue.Kind =
            if mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0 {
                .created
            } else if mask & UInt32(IN_DELETE | IN_MOVED_FROM) != 0 {
                .removed
            } else {
                .changed
            }
        if let folder = target.folder { mailbox.add(kind, folder.appending(name)) }
        guard let file = target.files[name] else { return }
        // What replaces a file is a change of it.
        mailbox.add(kind == .created && file.exists ? .changed : kind, file.path)
        targets[number]?.files[name]?.exists = kind != .removed
    }

    private func happenedToFolder(_ mask: UInt32, _ number: Int32) {
        let gone = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
        guard mask & gone != 0, let target = targets.removeValue(forKey: number) else { return }
        if let folder = target.folder { mailbox.add(.removed, folder) }
        for file in target.files.values where file.exists { mailbox.add(.removed, file.path) }
        if mask & UInt32(IN_MOVE_SELF) != 0 { inotify_rm_watch(descriptor, number) }
    }
}
