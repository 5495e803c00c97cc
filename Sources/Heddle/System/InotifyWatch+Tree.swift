internal import Glibc
internal import SystemPackage

/// Watching trees: folders that come are watched, and those that go let go of.
extension InotifyWatch {
    /// A folder has come to lie in one of a tree, or has gone from there.
    func folderInTree(
        _ kind: FileEventQueue.Kind, _ name: FilePath.Component, _ path: FilePath,
        in number: Int32
    ) {
        switch kind {
        case .created:
            growth.add(TreeScan.Place(path: path, outer: (number, name)))
        case .removed:
            growth.remove(name, in: number)
            let forgotten = targets.forget(name, in: number)
            growth.forget(forgotten)
            removeWatches(forgotten)
        case .changed: break
        }
    }

    /// Events were lost in the kernel, and with them perhaps those of new folders.
    func overflowed() {
        mailbox.overflow()
        if !targets.treeRoots.isEmpty { growth.lookAtAll() }
    }

    /// Has a thread of the pool watch the new folders and look at what lies in them. Nothing is read meanwhile.
    func beginScan() {
        stop()
        // Without one, the loop is ending, and closes this.
        guard let eventLoop = core.eventLoop else { return }
        eventLoop.task { await self.scan() }
    }

    private func scan() async {
        guard phase == .open else { return }
        let isWhole = growth.isWhole
        let places = isWhole ? targets.treeRoots : growth.places
        let limit = options.maximumFolders - (isWhole ? 0 : targets.innerNumbers.count)
        let (descriptor, mask) = (descriptor, WatchBeginning.watchMask)
        growth.began()
        do {
            let (scan, isComplete) = try await core.poolShare.perform(
                "watch", on: places.first?.path.string,
                begun: { try self.scanBegins() }, ended: { self.scanEnded() }
            ) {
                var scan = TreeScan(
                    descriptor: descriptor, mask: mask, limit: limit, tells: !isWhole)
                do {
                    try scan.look(at: places)
                    return (scan, true)
                } catch {
                    return (scan, false)
                }
            }
            guard phase == .open else { return }
            if isWhole { letGoOfWhatIsGone(scan) }
            take(scan)
            if !isComplete { mailbox.overflow() }
            try startReading()
        } catch {
            guard phase == .open else { return }
            // Nobody hears of anything any more, except that.
            mailbox.overflow()
            close()
        }
    }

    /// It may have waited for a place.
    private func scanBegins() throws {
        guard phase == .open else { throw CancellationError() }
        isScanning = true
    }

    private func scanEnded() {
        isScanning = false
        if phase == .closed { closeDescriptor() }
    }

    private func take(_ scan: TreeScan) {
        for folder in scan.folders { targets.add(folder) }
        for path in scan.entries { mailbox.add(.created, path) }
        if scan.hasMore { mailbox.overflow() }
        var queued: Int32 = 0
        // The system writes into the local during the call only.
        let isKnown = unsafe ioctl(descriptor, UInt(FIONREAD), &queued) == 0
        if growth.told(scan, queuedBytes: isKnown ? Int(queued) : .max) { mailbox.overflow() }
    }

    private func letGoOfWhatIsGone(_ scan: TreeScan) {
        let gone = targets.innerNumbers.subtracting(scan.folders.map(\.number))
        for number in gone { removeWatches(targets.forget(number)) }
    }
}
