<?php
// The trial's site: state is where WORDPRESS_STATE says, the code is Debian's as it comes.
$state = getenv('WORDPRESS_STATE');
define('DB_NAME', 'wordpress');
define('DB_USER', 'wordpress');
define('DB_PASSWORD', 'not-a-secret-this-site-lives-for-one-trial');
define('DB_HOST', 'localhost:' . getenv('WORDPRESS_SOCKET'));
define('DB_CHARSET', 'utf8mb4');
define('WP_CONTENT_DIR', $state . '/content');
define('AUTH_KEY', 'not-secret-1');
define('SECURE_AUTH_KEY', 'not-secret-2');
define('LOGGED_IN_KEY', 'not-secret-3');
define('NONCE_KEY', 'not-secret-4');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
// As Debian's own configuration does.
if (isset($_SERVER['HTTP_X_FORWARDED_PROTO']) && $_SERVER['HTTP_X_FORWARDED_PROTO'] == 'https') {
    $_SERVER['HTTPS'] = 'on';
}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
