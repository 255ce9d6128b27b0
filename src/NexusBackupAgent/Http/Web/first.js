// Before anything is drawn: a light flash in a dark room, and letters in the wrong language, are seen.
'use strict';
(function () {
    var root = document.documentElement;
    try {
        var theme = localStorage.getItem('nexus-backup.theme');
        if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
    } catch (refused) { /* a browser that keeps nothing: by the system */ }
})();
