internal import Glibc
internal import SystemPackage

/// The kernel's events of one watcher. Once made, owns the inotify descriptor, which is closed with it.
///
/// Everything here belongs to the loop's thread, in `InotifyWatch+Tree` too.
// Sendable: references cross threads, but every use is on the loop's thread.
final class InotifyWatch: UVPoll, @unchecked Sendable {
    /// Bytes of events one turn reads before others have theirs.
    private static let bufferBytes = 16 * 1024
    private static let readsPerTurn = 4

    let core: LoopCore
    let descriptor: Int32
    let options: WatchOptions
    let mailbox: FileMailbox
    var targets: WatchTargets
    /// New folders of trees, and how far they have been looked at.
    var growth = TreeGrowth()
    /// Whether a thread of the pool uses the descriptor.
    var isScanning = false
    private let closed: () -> Void

    init(
        core: LoopCore, descriptor: Int32, targets: WatchTargets, options: WatchOptions,
        mailbox: FileMailbox, closed: @escaping () -> Void
    ) throws(UVError) {
        self.core = core
        self.descriptor = descriptor
        self.targets = targets
        self.options = options
        self.mailbox = mailbox
        self.closed = closed
        try super.init(loop: core.uv, descriptor: descriptor)
    }

    override func becameReady() {
        // The system writes no more than the buffer holds, and whole events.
        unsafe withUnsafeTemporaryAllocation(byteCount: Self.bufferBytes, alignment: 8) { buffer in
            for _ in 0..<Self.readsPerTurn where phase == .open && !growth.isWaiting {
                let count = unsafe read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
        // What comes next may be of folders that are not watched yet: it waits in the kernel.
        if growth.isWaiting, phase == .open { beginScan() }
    }

    override func didClose() {
        if !isScanning { closeDescriptor() }
    }

    /// Once nobody uses it any more.
    func closeDescriptor() {
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
                overflowed()
            } else if name.count > 1 {
                happened(mask, FilePath.Component(platformString: name), in: number)
            } else {
                happenedToFolder(mask, number)
            }
        }
        growth.didTake(bytes: events.count)
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
        if let folder = target.folder, !growth.hasTold(kind, name, in: number) {
            let path = folder.appending(name)
            mailbox.add(kind, path)
            if target.isTree, mask & UInt32(IN_ISDIR) != 0 {
                folderInTree(kind, name, path, in: number)
            }
        }
        guard let file = target.files[name] else { return }
        // What replaces a file is a change of it.
        mailbox.add(kind == .created && file.exists ? .changed : kind, file.path)
        targets.setExists(kind != .removed, file: name, in: number)
    }

    private func happenedToFolder(_ mask: UInt32, _ number: Int32) {
        let gone = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
        guard mask & gone != 0, let target = targets[number] else { return }
        // The folder it lies in tells of it, and of where it has moved.
        if target.outer != nil, mask & UInt32(IN_MOVE_SELF) != 0 { return }
        let forgotten = targets.forget(number)
        growth.forget(forgotten)
        if target.outer == nil, let folder = target.folder { mailbox.add(.removed, folder) }
        for file in target.files.values where file.exists { mailbox.add(.removed, file.path) }
        if mask & UInt32(IN_UNMOUNT) != 0, target.outer != nil { mailbox.overflow() }
        removeWatches(forgotten.filter { $0 != number || mask & UInt32(IN_MOVE_SELF) != 0 })
    }

    func removeWatches(_ numbers: [Int32]) {
        for number in numbers { inotify_rm_watch(descriptor, number) }
    }
}
